package export

import (
	"encoding/csv"
	"errors"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/firewall"
)

// comparePrefixes lets cmp compare what has no exported fields.
func comparePrefixes() cmp.Option {
	return cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
}

func readCSV(t *testing.T, text string) []firewall.Flow {
	t.Helper()
	flows, err := ReadCSV("matrix.csv", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return flows
}

// TestCSVThereAndBack reads what was written, as it was and as spreadsheets leave it.
func TestCSVThereAndBack(t *testing.T) {
	written := csvOf(t, reviewMatrix())
	for _, c := range []struct {
		name   string
		change func(string) string
	}{
		{"as it was", func(text string) string { return text }},
		{"byte order mark", func(text string) string { return "\ufeff" + text }},
		{"line feeds", func(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }},
		{"no end of the last line", func(text string) string { return strings.TrimSuffix(text, "\r\n") }},
		{"semicolons", func(text string) string { return separatedBy(t, text, ";", nil) }},
		{"tabs", func(text string) string { return separatedBy(t, text, "\t", nil) }},
		{"another order", func(text string) string { return separatedBy(t, text, ",", reversed) }},
		{"more columns", func(text string) string {
			return separatedBy(t, text, ",", func(line []string) []string { return append([]string{"=x", "approved by"}, line...) })
		}},
		{"empty lines", func(text string) string { return text + ",,,,\r\n\r\n,\r\n" }},
		{"capitals in names", func(text string) string {
			names, rest, _ := strings.Cut(text, "\n")
			return strings.ToUpper(names) + "\n" + rest
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(reviewMatrix().Flows, readCSV(t, c.change(written)), comparePrefixes()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestCSVOfFewColumns reads what is left of the columns when everything else was deleted.
func TestCSVOfFewColumns(t *testing.T) {
	const text = "direction,rule-id,action,src-ip,src-port,dst-ip,dst-port\n" +
		"inbound,a,Permit,10.0.0.0/8,1-65535,any,2021\n" +
		"INBOUND, b , permit ,any,ANY,any, 443 \n" +
		"inbound,c,deny,2001:db8::/32,any,2001:db8::1,443\n" +
		"inbound,default,deny,any,any,10.1.0.4,443\n"
	flow := func(rule string, action firewall.Action, origin firewall.Origin, source, destination firewall.End) firewall.Flow {
		return firewall.Flow{Rule: rule, Action: action, Origin: origin, Source: source, Destination: destination, Direction: firewall.Inbound}
	}
	want := []firewall.Flow{
		flow("a", firewall.Permit, firewall.FromRule, reviewEnd("", "10.0.0.0/8", 1, 65535), reviewEnd("", "0.0.0.0/0", 2021, 2021)),
		flow(" b ", firewall.Permit, firewall.FromRule, reviewEnd("", "0.0.0.0/0", 0, 65535), reviewEnd("", "0.0.0.0/0", 443, 443)),
		flow(" b ", firewall.Permit, firewall.FromRule, reviewEnd("", "::/0", 0, 65535), reviewEnd("", "::/0", 443, 443)),
		flow("c", firewall.Deny, firewall.FromBlock, reviewEnd("", "2001:db8::/32", 0, 65535), reviewEnd("", "2001:db8::1/128", 443, 443)),
	}
	if diff := cmp.Diff(want, readCSV(t, text), comparePrefixes()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestReadCSVMistakes(t *testing.T) {
	const names = "rule-id,action,src-ip,src-port,dst-ip,dst-port,direction,tls-mode,client-identity,max-connections,valid-until,rate,family,protocol,origin,counted-by\n"
	const dayHint = "; a spreadsheet keeps it so in cells that are formatted as text"
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "m.csv:1:1: the file is empty\n  hint: its first line names the columns"},
		{"nothing but a mark", "\ufeff", "m.csv:1:1: the file is empty\n  hint: its first line names the columns"},
		{"no csv", "table inet sallyport {\n}\n", "m.csv:1:1: the first line does not name the columns rule-id, action, src-ip, src-port, dst-ip, dst-port, direction\n" +
			`  hint: an export of "sallyport export csv" has them; others may be missing, and their order does not matter`},
		{"a column less", "rule-id,action,src-ip,dst-ip,dst-port,direction\n", "m.csv:1:1: the first line does not name the columns src-port\n" +
			`  hint: an export of "sallyport export csv" has them; others may be missing, and their order does not matter`},
		{"a column twice", strings.Replace(names, "protocol", "action", 1), "m.csv:1:123: the column action is there twice"},
		{"UTF-16", "\xff\xfer\x00", "m.csv:1:1: the file is in UTF-16\n  hint: save it as CSV in UTF-8"},
		{"quotes", names + `a,per"mit` + "\n", "m.csv:2:6: bare \" in non-quoted-field\n  hint: a cell with quotes is in quotes itself, and has each of them twice"},
		{"open quotes", names + `a,"permit` + "\n", "m.csv:2:11: extraneous or missing \" in quoted-field\n  hint: a cell with quotes is in quotes itself, and has each of them twice"},
		{"action", names + "a,allow,any,any,10.1.0.4,443,inbound\n", "m.csv:2:3: action: \"allow\" is not one of the words for it\n  hint: it is permit or deny"},
		{"direction", names + "a,permit,any,any,10.1.0.4,443,in\n", "m.csv:2:31: direction: \"in\" is not one of the words for it\n  hint: it is inbound, outbound or transit"},
		{"address", names + "a,permit,10.2.0.256,any,10.1.0.4,443,inbound\n", "m.csv:2:10: src-ip: \"10.2.0.256\" is not an address or prefix\n" +
			`  hint: write "10.2.0.5", "10.1.0.0/28", "2001:db8::5" or "2001:db8::/32"`},
		{"bits", names + "a,permit,any,any,10.1.0.4/8,443,inbound\n", "m.csv:2:18: dst-ip: \"10.1.0.4/8\" has bits beyond its length of 8\n" +
			`  hint: did you mean "10.0.0.0/8", or "10.1.0.4" alone?`},
		{"no address", names + "a,permit,,any,10.1.0.4,443,inbound\n", "m.csv:2:10: src-ip: the cell is empty\n  hint: write an address, a prefix, or \"any\""},
		{"ports", names + "a,permit,any,1;2,10.1.0.4,443,inbound\n", "m.csv:2:14: src-port: \"1;2\" is not a port or range of ports\n" +
			`  hint: ports are 1 to 65535; write "20001" or "20001-20004"`},
		{"no ports", names + "a,permit,any,,10.1.0.4,443,inbound\n", "m.csv:2:14: src-port: the cell is empty\n  hint: write a port, a range such as 20001-20004, or \"any\""},
		{"no port", names + "a,permit,any,any,10.1.0.4,,inbound\n", "m.csv:2:27: dst-port: the cell is empty\n  hint: write the port that is connected to"},
		{"several ports", names + "a,permit,any,any,10.1.0.4,1-2,inbound\n", "m.csv:2:27: dst-port: \"1-2\" is several ports\n  hint: write a line for each port that is connected to"},
		{"families", names + "a,permit,10.2.0.5,any,2001:db8::1,443,inbound\n", "m.csv:2:1: addresses of both families in one line\n" +
			"  hint: a connection is of IPv4 or of IPv6: write a line for each"},
		{"another family", names + "a,permit,10.2.0.5,any,any,443,inbound,,,,,,ipv6\n", "m.csv:2:1: addresses of both families in one line\n" +
			"  hint: a connection is of IPv4 or of IPv6: write a line for each"},
		{"no family", names + "a,permit,any,any,any,443,inbound,,,,,,ip\n", "m.csv:2:39: family: \"ip\" is not one of the words for it\n  hint: it is ipv4, ipv6 or nothing"},
		{"protocol", names + "a,permit,any,any,any,443,inbound,,,,,,,udp\n", "m.csv:2:40: protocol: \"udp\" is no protocol of a policy\n  hint: sallyport guards tcp"},
		{"tls", names + "a,permit,any,any,any,443,inbound,yes\n", "m.csv:2:34: tls-mode: \"yes\" is not one of the words for it\n  hint: it is required, any, plaintext or nothing"},
		{"identity", names + "a,permit,any,any,any,443,inbound,,cn:a; nobody:b\n", "m.csv:2:35: client-identity: \"nobody:b\" has an unknown kind\n" +
			"  hint: identities begin with cn:, ou:, dns:, uri:, email:, ip:, sha256: or spki:"},
		{"connections", names + "a,permit,any,any,any,443,inbound,,,0\n", "m.csv:2:36: max-connections: \"0\" is no number of connections\n  hint: leave it empty for no limit"},
		{"day", names + "a,permit,any,any,any,443,inbound,,,,1/2/2026\n", "m.csv:2:37: valid-until: \"1/2/2026\" is no day\n  hint: write 2026-01-31" + dayHint},
		{"rate", names + "a,permit,any,any,any,443,inbound,,,,,ten\n", "m.csv:2:38: rate: \"ten\" is not a rate\n" +
			`  hint: write a number and a unit, such as "10/s", "600/m" or "36000/h"`},
		{"origin", names + "a,permit,any,any,any,443,inbound,,,,,,,,elsewhere\n", "m.csv:2:41: origin: \"elsewhere\" is not one of the words for it\n" +
			"  hint: it is rule, block, audit, balancer, pin, default or nothing"},
		{"counted by", names + "a,permit,any,any,any,443,inbound,,,,,,,,,clients\n", "m.csv:2:42: counted-by: \"clients\" is not one of the words for it\n" +
			"  hint: it is client, source address or nothing"},
		{"lines", names + "\"a\nb\",permit,any,any,any,443,inbound\nc,permit,x,any,any,443,inbound\n", "m.csv:4:10: src-ip: \"x\" is not an address or prefix\n" +
			`  hint: write "10.2.0.5", "10.1.0.0/28", "2001:db8::5" or "2001:db8::/32"`},
		{"several mistakes", names + "a,x,any,any,any,443,inbound\na,permit,any,any,any,443,in\n", "m.csv:2:3: action: \"x\" is not one of the words for it\n" +
			"  hint: it is permit or deny\nm.csv:3:26: direction: \"in\" is not one of the words for it\n  hint: it is inbound, outbound or transit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			flows, err := ReadCSV("m.csv", strings.NewReader(c.text))
			if err == nil {
				t.Fatalf("was read as %v", flows)
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestReadCSVEnds holds the errors of a file that is all wrong to a number that people read.
func TestReadCSVEnds(t *testing.T) {
	text := "rule-id,action,src-ip,src-port,dst-ip,dst-port,direction\n" + strings.Repeat("a,permit,x,any,any,443,inbound\n", 1000)
	_, err := ReadCSV("m.csv", strings.NewReader(text))
	if err == nil || strings.Count(err.Error(), "m.csv:") != mostProblems+1 || !strings.HasSuffix(err.Error(), "\nm.csv: and so on") {
		t.Errorf("%v", err)
	}
	broken := errors.New("unplugged")
	if _, err := ReadCSV("m.csv", io.MultiReader(strings.NewReader(text[:57]), iotest.ErrReader(broken))); !errors.Is(err, broken) || err.Error() != "m.csv: unplugged" {
		t.Errorf("a file that cannot be read on: %v", err)
	}
}

// FuzzReadCSV holds whatever can be read to being the same when it is written and read again.
func FuzzReadCSV(f *testing.F) {
	f.Add(csvOf(f, reviewMatrix()))
	f.Add("\ufeffdirection;rule-id;action;src-ip;src-port;dst-ip;dst-port\r\ninbound;'=a;permit;any;any;any;1\r\n")
	f.Add("direction,rule-id,action,src-ip,src-port,dst-ip,dst-port,client-identity\ninbound,,deny,any,1-2,::1,1,cn:\\;; ou:x\n")
	f.Fuzz(func(t *testing.T, text string) {
		flows, err := ReadCSV("fuzz.csv", strings.NewReader(text))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "fuzz.csv:") {
				t.Fatalf("%q does not say where", err)
			}
			return
		}
		m := &firewall.Matrix{Flows: flows}
		again, err := ReadCSV("again.csv", strings.NewReader(csvOf(t, m)))
		if err != nil {
			t.Fatalf("%v\n%s", err, csvOf(t, m))
		}
		for i := range flows { // two spellings of any, and who is counted without a limit
			flows[i].Source.Ports.First = portWritten(flows[i].Source.Ports.First, flows[i].Source.Ports.Last)
			flows[i].PerClient = flows[i].CountedBy() == firewall.CountedByClient
		}
		if diff := cmp.Diff(flows, again, comparePrefixes()); diff != "" {
			t.Fatalf("(-read +read again)\n%s", diff)
		}
		if changes := firewall.Diff(flows, again); len(changes) != 0 {
			t.Fatalf("written and read again, there is a difference:\n%s", strings.Join(changes, "\n"))
		}
	})
}

func portWritten(first, last uint16) uint16 {
	if first == 1 && last == 65535 {
		return 0
	}
	return first
}

// separatedBy writes a file anew as spreadsheets do.
func separatedBy(t *testing.T, text, separator string, change func([]string) []string) string {
	t.Helper()
	var b strings.Builder
	for _, line := range records(t, text) {
		if change != nil {
			line = change(line)
		}
		for i, cell := range line {
			if i > 0 {
				b.WriteString(separator)
			}
			b.WriteString(`"` + strings.ReplaceAll(cell, `"`, `""`) + `"`)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func records(t *testing.T, text string) [][]string {
	t.Helper()
	all, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func reversed(line []string) []string {
	line = slices.Clone(line)
	slices.Reverse(line)
	return line
}
