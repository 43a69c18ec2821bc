package export

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"sallyport/internal/firewall"
	"sallyport/policy"
)

// iptablesRules is the chains of a file for iptables-restore, each rule as its words.
type iptablesRules map[string][][]string

var iptablesWord = regexp.MustCompile(`^ ?("[^"\\[:cntrl:]]*"|[^ "]+)`)

// readIptables fails on every line that it does not know.
func readIptables(t *testing.T, text string) iptablesRules {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for len(lines) > 0 && strings.HasPrefix(lines[0], "#") {
		lines = lines[1:]
	}
	if len(lines) < 2 || lines[0] != "*filter" || lines[len(lines)-1] != "COMMIT" {
		t.Fatalf("not one table:\n%s", text)
	}
	chains := make(iptablesRules)
	for _, line := range lines[1 : len(lines)-1] {
		if chain, declared := strings.CutPrefix(line, ":"); declared {
			name, rest, _ := strings.Cut(chain, " ")
			if rest != "- [0:0]" || len(name) > 28 {
				t.Fatalf("not a chain: %q", line)
			}
			chains[name] = [][]string{}
			continue
		}
		words := iptablesWords(t, line)
		if words[0] != "-A" || chains[words[1]] == nil {
			t.Fatalf("not a rule of a chain of ours: %q", line)
		}
		chains[words[1]] = append(chains[words[1]], words[2:])
	}
	return chains
}

func iptablesWords(t *testing.T, line string) []string {
	t.Helper()
	var words []string
	for rest := line; rest != ""; {
		match := iptablesWord.FindStringSubmatch(rest)
		if match == nil || len(line) > 1000 {
			t.Fatalf("no words: %q", line)
		}
		words = append(words, match[1])
		rest = rest[len(match[0]):]
	}
	return words
}

func (c iptablesRules) passes(t *testing.T, p packet, at time.Time) bool {
	chain := map[firewall.Direction]string{firewall.Inbound: "SALLYPORT-IN", firewall.Outbound: "SALLYPORT-OUT", firewall.Transit: "SALLYPORT-FWD"}[p.direction]
	verdict := c.judge(t, chain, p, at)
	return verdict == "RETURN" || verdict == "ACCEPT"
}

// judge runs a chain while all rates last.
func (c iptablesRules) judge(t *testing.T, chain string, p packet, at time.Time) string {
	for _, words := range c[chain] {
		target, matches := iptablesTarget(t, words, p, at)
		switch {
		case !matches:
		case c[target] == nil:
			return target
		default:
			if verdict := c.judge(t, target, p, at); verdict != "RETURN" {
				return verdict
			}
		}
	}
	return "RETURN"
}

// iptablesTarget returns where a rule sends a packet that it matches. Every option that rules have takes one word.
func iptablesTarget(t *testing.T, words []string, p packet, at time.Time) (target string, matches bool) {
	if line := strings.Join(words, " "); strings.HasPrefix(line, "-p tcp -m tcp ! --syn ") || strings.HasPrefix(line, "! -p tcp ") {
		return "", false // the packet opens a connection
	}
	matches = true
	for i := 0; i+1 < len(words); i += 2 {
		value, ok := words[i+1], true
		switch words[i] {
		case "-s":
			ok = netip.MustParsePrefix(value).Contains(p.source.Addr())
		case "-d":
			ok = netip.MustParsePrefix(value).Contains(p.destination.Addr())
		case "--src-range":
			first, last, _ := strings.Cut(value, "-")
			ok = !p.source.Addr().Less(netip.MustParseAddr(first)) && !netip.MustParseAddr(last).Less(p.source.Addr())
		case "--sport":
			ok = iptablesRange(t, value).Contains(p.source.Port())
		case "--dport":
			ok = iptablesRange(t, value).Contains(p.destination.Port())
		case "--ctstate":
			ok = false // the packet opens a connection
		case "--datestop":
			stop, err := time.Parse("2006-01-02T15:04:05", value)
			ok = err == nil && !at.Truncate(time.Second).After(stop)
		case "-j":
			target = value
		case "-p", "-m", "--comment", "--limit", "--limit-burst", "--reject-with":
		default:
			t.Fatalf("unknown option in %q", words)
		}
		matches = matches && ok
	}
	return target, matches
}

func iptablesRange(t *testing.T, text string) policy.PortRange {
	first, last, isRange := strings.Cut(text, ":")
	if !isRange {
		last = first
	}
	return policy.PortRange{First: portField(t, first).Port(), Last: portField(t, last).Port()}
}
