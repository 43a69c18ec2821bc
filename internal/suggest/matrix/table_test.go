package matrix

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"sallyport/policy"
)

func utf16File(text string, order binary.AppendByteOrder) string {
	data := order.AppendUint16(nil, 0xfeff)
	for _, unit := range utf16.Encode([]rune(text)) {
		data = order.AppendUint16(data, unit)
	}
	return string(data)
}

// What a file looks like does not change what it says.
func TestForms(t *testing.T) {
	const plain = "Source IP,Port,Owner\n10.2.0.5,2021,Müller\n"
	tabs := strings.ReplaceAll(plain, ",", "\t")
	for name, text := range map[string]string{
		"plain":           plain,
		"CRLF":            strings.ReplaceAll(plain, "\n", "\r\n"),
		"byte order mark": "\ufeff" + plain,
		"semicolons":      strings.ReplaceAll(plain, ",", ";"),
		"sep":             "sep=;\r\n" + strings.ReplaceAll(plain, ",", ";"),
		"tabs":            tabs,
		"UTF-16LE":        utf16File(tabs, binary.LittleEndian),
		"UTF-16BE":        utf16File(tabs, binary.BigEndian),
		"Latin-1":         strings.ReplaceAll(plain, "ü", "\xfc"),
		"titles":          "Firewall\n\"of, 2026\"\n,,\n" + plain,
		"no end of line":  strings.TrimSuffix(plain, "\n"),
		"spaces":          strings.ReplaceAll(plain, ",", " , "),
		"quotes":          "\"Source IP\",\"Port\", \"Owner\"\n\"10.2.0.5\",\"2021\", \"Müller\"\n",
		"what is unseen":  strings.ReplaceAll(plain, "10.2", "\u200b10.2"),
		"twice":           plain + ",,\n" + plain,
	} {
		t.Run(name, func(t *testing.T) {
			d, text := read(t, &Import{Ports: ports()}, text)
			if len(d.Rules) != 1 || d.Rules[0].Owner != "Müller" || d.Rules[0].To[0] != "config/secure" || !d.Complete() {
				t.Errorf("draft:\n%s", text)
			}
			if read := strings.Contains(text, "read as Windows-1252"); read != (name == "Latin-1") {
				t.Errorf("draft:\n%s", text)
			}
		})
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", `matrix.csv:1:1: no line names the columns`},
		{"no header", "10.2.0.5,2021\n", `matrix.csv:1:1: no line names the columns`},
		{"workbook", "PK\x03\x04\x00", `matrix.csv:1:1: this is a workbook, or another archive, and no CSV`},
		{"binary", "a\x00b", `matrix.csv:1:1: there are zero bytes in it, so this is no text, or UTF-16 without the mark that says so`},
		{"odd UTF-16", "\xff\xfea", `matrix.csv:1:1: it begins like UTF-16 and has an odd number of bytes`},
		{"no source", "Title\nDestination,Port,Owner\n", `matrix.csv:2:1: no column has the source's addresses`},
		{"no destination", "Source,Owner,Ticket\n", `matrix.csv:1:1: no column has the destination`},
		{"too many columns", "Src,Port" + strings.Repeat(",Owner", 16383) + "\n", `matrix.csv:1:98302: there are more than 16384 columns`},
		{"two of one", "Src,Source IP,Src IP,Port\n", `matrix.csv:1:1: the columns "Source IP" and "Src IP" are both the src-ip`},
		{"other separators", "sep=|\nSource|Port\n", `matrix.csv:1:1: cells are separated by "|"`},
		{"torn", "Source,Port\n10.2.0.5,2021\n\"10.2.0.6,2021\n", `matrix.csv:3:1: a quoted cell does not end, or goes on behind its quotes`},
		{"bare quote", "Source,Port\n10.2.0.5,20\"21\n", `matrix.csv:2:12: there is a quote in a cell that is not quoted`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := new(Import).Read("matrix.csv", []byte(c.text))
			if err == nil {
				t.Fatal("it is read")
			}
			got, _, _ := strings.Cut(err.Error(), "\n")
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSpelling(t *testing.T) {
	for field, names := range map[Field][]string{
		RuleID:         {"Rule ID", "rule-id", "ID", "Rule No.", "Rule#", "RULE"},
		Action:         {"Action", "Permit/Deny"},
		Protocol:       {"Protocol", "Proto", "IP Protocol"},
		eitherSource:   {"Source", "SRC", "Client", "Source Host", "From", "Source Host/IP"},
		SourceIP:       {"src-ip", "Src IP", "Source IP(s)", "Source IP Address", "Source Address", "Source Network", "Client IP"},
		SourceName:     {"src-name", "Source Name", "Source Hostname", "Client name"},
		SourcePort:     {"src-port", "Source Port(s)", "sport", "Client port"},
		eitherTarget:   {"Destination", "dst", "To", "Server", "Destination Host", "Target"},
		TargetIP:       {"dst-ip", "Dest IP", "Destination IP Addresses", "Server IP"},
		TargetName:     {"dst-name", "Server name"},
		TargetPort:     {"dst-port", "Dest. Port", "Destination Ports", "Port", "Ports", "dport", "TCP Port"},
		Service:        {"Service", "Service/Port", "Port/Service", "Services"},
		TLSMode:        {"tls-mode", "TLS", "Encrypted?"},
		ClientIdentity: {"client-identity", "Identity", "Certificate"},
		MaxConnections: {"max-connections", "Max. Connections"},
		Rate:           {"rate", "Rate limit"},
		Owner:          {"Owner", "Requester", "Requestor", "Requested by", "Application Owner"},
		Ticket:         {"Ticket", "Change", "CR", "CR#", "Change request", "Ticket No"},
		Reason:         {"Reason", "Justification", "Business Justification", "Description", "Comment", "Comments", "Remarks"},
		ValidFrom:      {"valid-from", "Valid From", "Start date"},
		ValidUntil:     {"valid-until", "Valid until", "Valid to", "Expires", "Expiry", "Expiry Date", "End Date", "Expiration"},
		Direction:      {"Direction"},
		Ignored:        {"No.", "#Row", "Nr"},
		"":             {"", "Zone", "Name", "Status", "Date", "\u202e"},
	} {
		for _, name := range names {
			if got := spelled(name); got != field {
				t.Errorf("%q is %q, want %q", name, got, field)
			}
		}
	}
}

// Every field is found by its own name, and can be asked for.
func TestFieldsAreSpelled(t *testing.T) {
	for _, f := range Fields() {
		if ownSpelling(string(f)) != f {
			t.Errorf("%s is %q in sallyport's own matrix", f, ownSpelling(string(f)))
		}
		if c, err := ParseColumn("A = b=" + string(f)); err != nil || c != (Column{"A = b", f}) {
			t.Errorf("%s: %v, %v", f, c, err)
		}
	}
	for _, text := range []string{"", "=", "=owner", "owner", " =owner", "a=owners", "a="} {
		if _, err := ParseColumn(text); err == nil {
			t.Errorf("%q is a column", text)
		}
	}
}

func TestGuard(t *testing.T) {
	for guarded, want := range map[string]string{
		"'=1+1": "=1+1", "'- x": "- x", "'@a": "@a", "''a": "'a", "a'=b": "a'=b", "a;'=b": "a;=b", "'a": "'a", "'": "'", "": "", "'\tx": "\tx", "' =x": " =x",
		"O'Brien": "O'Brien",
	} {
		if got := unguarded(guarded); got != want {
			t.Errorf("%q without guard is %q, want %q", guarded, got, want)
		}
	}
}

func TestDelimiterOfFewColumns(t *testing.T) {
	d, text := read(t, &Import{Ports: ports(), Columns: []Column{{"A, B", SourceIP}}}, "\"A, B\";Port\n10.2.0.5;2021\n")
	if len(d.Rules) != 1 || policy.PrefixText(d.Clients[0].Addresses[0]) != "10.2.0.5" {
		t.Errorf("draft:\n%s", text)
	}
}
