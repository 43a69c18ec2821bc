package export

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/firewall"
	"sallyport/policy"
)

func TestPrefixOf(t *testing.T) {
	tests := []struct{ first, last, want string }{
		{"10.0.0.0", "10.0.0.0", "10.0.0.0/32"},
		{"10.0.0.0", "10.0.0.3", "10.0.0.0/30"},
		{"10.0.0.1", "10.0.0.2", ""},
		{"10.0.0.1", "10.0.0.3", ""},
		{"10.0.0.0", "10.0.0.2", ""},
		{"10.0.0.128", "10.0.1.127", ""},
		{"0.0.0.0", "255.255.255.255", "0.0.0.0/0"},
		{"128.0.0.0", "255.255.255.255", "128.0.0.0/1"},
		{"::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::/0"},
		{"2001:db8::", "2001:db8:0:1:ffff:ffff:ffff:ffff", "2001:db8::/63"},
		{"2001:db8::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", ""},
	}
	for _, test := range tests {
		p, ok := prefixOf(netip.MustParseAddr(test.first), netip.MustParseAddr(test.last))
		got := ""
		if ok {
			got = p.String()
		}
		if got != test.want {
			t.Errorf("%s to %s: %q, want %q", test.first, test.last, got, test.want)
		}
	}
}

func TestSourcesIn(t *testing.T) {
	tests := []struct {
		first, last string
		bits, want  int
	}{
		{"10.0.0.1", "10.0.0.1", 32, 1},
		{"10.0.0.1", "10.0.1.0", 32, 256},
		{"10.0.0.0", "10.0.255.254", 32, 65535},
		{"0.0.0.0", "255.255.255.255", 32, nftSources},
		{"2001:db8::", "2001:db8::ffff", 64, 1},
		{"2001:db8::", "2001:db8:0:ff:ffff::", 64, 256},
		{"2001:db8::", "2001:db8::ff", 128, 256},
		{"2001:db8::", "2001:db8:0:ff:ffff::", 62, 64},
		{"::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 64, nftSources},
	}
	for _, test := range tests {
		if got := sourcesIn(netip.MustParseAddr(test.first), netip.MustParseAddr(test.last), test.bits); got != test.want {
			t.Errorf("%s to %s, %d bits: %d, want %d", test.first, test.last, test.bits, got, test.want)
		}
	}
}

func TestAuthors(t *testing.T) {
	flows := []firewall.Flow{
		{Rule: "a"}, {Rule: "a"},
		{Rule: "a", Source: firewall.End{Name: "x"}},
		{Rule: "b", Origin: firewall.FromBlock},
		{Rule: strings.Repeat("c", 30)},
		{Rule: strings.Repeat("ü", 30)},
	}
	tests := []struct {
		labels []int32
		limit  int
		want   string
	}{
		{[]int32{0, 1}, 20, "a"},
		{[]int32{0, 1, 2}, 20, "a, a (x)"},
		{[]int32{0, 1, 2}, 8, "a, a (x)"},
		{[]int32{0, 1, 2}, 7, "a an..."},
		{[]int32{3}, 20, "block b"},
		{[]int32{0, 2, 3, 4}, 30, "a, a (x), block b and 1 more"},
		{[]int32{0, 2, 3, 4}, 20, "a, a (x) and 2 more"},
		{[]int32{4, 5}, 20, "cccccccccccccccccc..."[1:]},
		{[]int32{5}, 20, "üüüüüüüü..."},
	}
	for _, test := range tests {
		if got := authors(flows, test.labels, test.limit); got != test.want || len(got) > test.limit {
			t.Errorf("%v in %d bytes: %q, want %q", test.labels, test.limit, got, test.want)
		}
	}
}

func TestNftTimeout(t *testing.T) {
	tests := []struct {
		d    time.Duration
		want string
	}{
		{time.Nanosecond, "1s"},
		{time.Second, "1s"},
		{time.Second + time.Nanosecond, "2s"},
		{24 * time.Hour, "1d"},
		{25*time.Hour + 61*time.Second, "1d1h1m1s"},
		{1<<63 - 1, "36500d"},
	}
	for _, test := range tests {
		if got := nftTimeout(test.d); got != test.want {
			t.Errorf("%d: %s, want %s", test.d, got, test.want)
		}
	}
}

func TestNetfilterRates(t *testing.T) {
	rate := func(events int, per time.Duration, burst int) policy.Limits {
		return policy.Limits{Rate: policy.Rate{Events: events, Per: per}, Burst: burst}
	}
	tests := []struct {
		name          string
		limits        policy.Limits
		nft, iptables string
		refill        time.Duration
	}{
		{"ordinary", rate(10, time.Second, 20), "", "", 2 * time.Second},
		{"burst left out", rate(90, time.Minute, 0), "", "", 2 * time.Second},
		{"fastest of iptables", rate(10_000, time.Second, 1), "", "", time.Second},
		{"faster", rate(10_001, time.Second, 1), "", "it is too fast for iptables", time.Second},
		{"deepest of iptables", rate(10_000, time.Second, 10_000), "", "", time.Second},
		{"deeper", rate(10_000, time.Second, 10_001), "", "its burst is too large for iptables", 2 * time.Second},
		{"a day", rate(1, time.Hour, 24), "", "", 24 * time.Hour},
		{"longer", rate(1, time.Hour, 25), "", "its burst is too large for iptables", 25 * time.Hour},
		{"more than 64 bits", rate(1, time.Hour, 4_000_000), "its burst is too large for nftables", "its burst is too large for iptables", 4_611_686_018 * time.Second},
		{"more than 32 bits", rate(1e9, time.Second, 1<<32), "its burst is too large for nftables", "it is too fast for iptables", 5 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := nftUnfit(bucket{"r", "c"}, &test.limits); got != test.nft {
				t.Errorf("nftables: %q, want %q", got, test.nft)
			}
			if got := iptablesUnfit(bucket{"r", "c"}, &test.limits); got != test.iptables {
				t.Errorf("iptables: %q, want %q", got, test.iptables)
			}
			if got := refill(&test.limits); got != test.refill {
				t.Errorf("full after %v, want %v", got, test.refill)
			}
		})
	}
}

// TestRateOfUnion gives two rules the same sources: neither's rate may take away what the other allows.
func TestRateOfUnion(t *testing.T) {
	in := firewall.Inbound
	limited := func(rule, client, source string) firewall.Flow {
		f := permit(in, rule, client, source, firewall.AnyPort(), "10.1.0.4/32", 443)
		f.Limits = perMinute(60)
		return f
	}
	tests := []struct {
		name  string
		flows []firewall.Flow
		want  map[string]int // elements whose rate is held, by set
		notes int
	}{
		{"one client", []firewall.Flow{limited("a", "x", "10.0.0.1/32")}, map[string]int{"input4_clients": 1}, 1},
		{"its sources overlap", []firewall.Flow{limited("a", "x", "10.0.0.0/31"), limited("a", "x", "10.0.0.1/32")}, map[string]int{"input4_clients": 2}, 1},
		{"each source", []firewall.Flow{limited("a", "", "10.0.0.0/31")}, map[string]int{"input4_sources": 1}, 1},
		{"two clients in part", []firewall.Flow{limited("a", "x", "10.0.0.0/31"), limited("a", "y", "10.0.0.1/32")}, map[string]int{"input4_clients": 1}, 3},
		{"two rules", []firewall.Flow{limited("a", "x", "10.0.0.1/32"), limited("b", "x", "10.0.0.1/32")}, nil, 2},
		{"one without a rate", []firewall.Flow{
			limited("a", "x", "10.0.0.1/32"), permit(in, "b", "", "10.0.0.0/8", firewall.AnyPort(), "10.1.0.4/32", 443),
		}, nil, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			text := exported(t, "nftables", matrixOf(test.flows), Options{Limits: true})
			table := readNft(t, text)
			var got map[string]int
			for _, set := range []string{"input4_clients", "input4_sources"} {
				if n := len(table.sets[set]); n > 0 {
					got = map[string]int{set: n}
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("elements (-want +got):\n%s\n%s", diff, text)
			}
			if got := strings.Count(text, "# rates: "); got != test.notes {
				t.Errorf("%d notes, want %d:\n%s", got, test.notes, text)
			}
		})
	}
}

// FuzzPolicyText puts a text wherever a policy has some: nothing but comments may depend on it.
func FuzzPolicyText(f *testing.F) {
	for _, text := range []string{"", "plain", `"`, `\`, "a\nb", "\"; drop }\n", "#", "\x00\xff\u2028\u202e", strings.Repeat("long ", 3000), strings.Repeat("ü", 20000), strings.Repeat("€", 20000)} {
		f.Add(text)
	}
	comments := regexp.MustCompile(`( -m comment --)? ?comment "[^"]*"|_[0-9a-f]{12}|SALLYPORT-RATE-[0-9a-f]{12}`)
	bones := func(t *testing.T, target, text string) []string {
		flow := permit(firewall.Inbound, text, "client "+text, "10.0.0.1/32", ports(1, 2), "10.1.0.4/32", 443)
		flow.Owner, flow.Ticket, flow.Reason, flow.Destination.Name, flow.Limits = text, text, text, text, perMinute(60)
		other := flow
		other.Source.Prefix, other.PerClient = netip.MustParsePrefix("10.0.0.2/32"), false
		m := matrixOf([]firewall.Flow{flow, other})
		m.Header.Host, m.Header.Notes, m.Header.Names = text, []string{text}, []firewall.Resolved{{Name: text}}
		var lines []string
		for line := range strings.Lines(exported(t, target, m, Options{Limits: true})) {
			if len(line) > 1000 || !utf8.ValidString(line) || strings.ContainsFunc(strings.Trim(line, "\t\n"), func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q", line)
			}
			if !strings.HasPrefix(line, "#") {
				lines = append(lines, comments.ReplaceAllString(line, ""))
			}
		}
		return lines
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, target := range []string{"nftables", "iptables"} {
			if diff := cmp.Diff(bones(t, target, "plain"), bones(t, target, text)); diff != "" {
				t.Errorf("%s (-plain +this):\n%s", target, diff)
			}
		}
		for _, limit := range []int{nftComment, iptablesComment} {
			if got := authors([]firewall.Flow{{Rule: text}}, []int32{0}, limit); len(got) > limit {
				t.Errorf("%d bytes, the limit is %d", len(got), limit)
			}
		}
	})
}

// BenchmarkNetfilter writes 100,000 flows of 1,000 clients, each of which has a rate.
func BenchmarkNetfilter(b *testing.B) {
	m := largeMatrix()
	for _, target := range []string{"nftables", "iptables"} {
		b.Run(target, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				exported(b, target, m, Options{Limits: true})
			}
		})
	}
}

func largeMatrix() *firewall.Matrix {
	var flows []firewall.Flow
	for i := range 100_000 {
		source := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		f := permit(firewall.Inbound, fmt.Sprintf("rule-%d", i/100), fmt.Sprintf("client-%d", i/100),
			source.String()+"/32", ports(20001, 20004), "0.0.0.0/0", 12020)
		f.Limits = perMinute(60)
		flows = append(flows, f)
	}
	return matrixOf(flows)
}
