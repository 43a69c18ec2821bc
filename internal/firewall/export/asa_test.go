package export

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sallyport/internal/firewall"
	"sallyport/policy"
)

// asaLine is a line of an access list.
type asaLine struct {
	action       string
	sources      []netip.Prefix
	ports        []policy.PortRange
	destinations []netip.Prefix
	port         uint16
}

// asaReader reads the part of the language that an export speaks, and knows no more of it.
type asaReader struct {
	t        *testing.T
	networks map[string][]netip.Prefix
	services map[string][]policy.PortRange
	ranges   map[string]bool
	lists    map[string][]asaLine
	words    []string // of the line, still to be read
}

// readASA reads an access list as the device does: objects first, and then line by line, the first that matches decides.
func readASA(t *testing.T, a *Artefact) device {
	t.Helper()
	r := asaReader{t, make(map[string][]netip.Prefix), make(map[string][]policy.PortRange), make(map[string]bool), make(map[string][]asaLine), nil}
	object := ""
	for line := range strings.Lines(string(a.Files[0].Data)) {
		r.words = strings.Fields(line)
		switch first := r.word(); first {
		case "!":
		case "object-group":
			kind := r.word()
			object = r.word()
			if len(object) > asaName || r.networks[object] != nil || r.services[object] != nil {
				t.Errorf("%s: too long, or there already", object)
			}
			if kind == "service" {
				r.is("tcp")
			}
		case "network-object":
			r.networks[object] = append(r.networks[object], r.network())
		case "port-object":
			r.services[object] = append(r.services[object], r.ports())
		case "time-range":
			object = r.word()
		case "absolute":
			r.ranges[object] = true
			r.words = nil
		case "access-list":
			r.line(line)
		default:
			t.Fatalf("what is %q?", line)
		}
		if len(r.words) > 0 && !strings.HasPrefix(line, "!") {
			t.Fatalf("%q: what is %q?", line, r.words)
		}
	}
	return func(d firewall.Direction, p attempt) outcome {
		for _, line := range r.lists["SALLYPORT-"+strings.ToUpper(string(d))] {
			if holds(line.sources, p.from.Addr()) && holds(line.destinations, p.to.Addr()) && line.port == p.to.Port() &&
				slices.ContainsFunc(line.ports, func(r policy.PortRange) bool { return r.Contains(p.from.Port()) }) {
				if line.action == "permit" {
					return passed
				}
				return refused
			}
		}
		return foreign
	}
}

func holds(list []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(a) })
}

func (r *asaReader) word() string {
	if len(r.words) == 0 {
		r.t.Fatal("a line ends too early")
	}
	w := r.words[0]
	r.words = r.words[1:]
	return w
}

func (r *asaReader) is(want string) {
	if w := r.word(); w != want {
		r.t.Fatalf("%q, want %q", w, want)
	}
}

func (r *asaReader) line(line string) {
	list := r.word()
	if r.words[0] == "remark" {
		_, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " remark ")
		if len(text) > asaRemark || strings.ContainsAny(text, "?\"'") {
			r.t.Errorf("remark %q", text)
		}
		r.words = nil
		return
	}
	r.is("extended")
	var l asaLine
	l.action = r.word()
	r.is("tcp")
	l.sources = r.addresses()
	l.ports = []policy.PortRange{firewall.AnyPort()}
	switch next := r.words[0]; {
	case next == "eq", next == "range":
		l.ports = []policy.PortRange{r.ports()}
	case next == "object-group" && r.services[r.words[1]] != nil:
		l.ports = r.services[r.words[1]]
		r.words = r.words[2:]
	}
	l.destinations = r.addresses()
	l.port = r.ports().First
	if len(r.words) > 0 {
		r.is("time-range")
		if name := r.word(); !r.ranges[name] {
			r.t.Errorf("there is no time range %q", name)
		}
	}
	r.lists[list] = append(r.lists[list], l)
}

func (r *asaReader) addresses() []netip.Prefix {
	if r.words[0] == "object-group" {
		r.word()
		list := r.networks[r.word()]
		if list == nil {
			r.t.Error("a group that is not there")
		}
		return list
	}
	return []netip.Prefix{r.network()}
}

func (r *asaReader) network() netip.Prefix {
	switch w := r.word(); {
	case w == "any4":
		return netip.MustParsePrefix("0.0.0.0/0")
	case w == "any6":
		return netip.MustParsePrefix("::/0")
	case w == "host":
		a := netip.MustParseAddr(r.word())
		return netip.PrefixFrom(a, a.BitLen())
	case strings.Contains(w, ":"):
		return netip.MustParsePrefix(w)
	default:
		mask := netip.MustParseAddr(r.word()).As4()
		bits := 0
		for _, b := range mask {
			bits += strings.Count(strconv.FormatUint(uint64(b), 2), "1")
		}
		return netip.PrefixFrom(netip.MustParseAddr(w), bits)
	}
}

func (r *asaReader) ports() policy.PortRange {
	kind := r.word()
	first := r.number()
	if kind == "eq" {
		return policy.PortRange{First: first, Last: first}
	}
	return policy.PortRange{First: first, Last: r.number()}
}

func (r *asaReader) number() uint16 {
	n, err := strconv.ParseUint(r.word(), 10, 16)
	if err != nil {
		r.t.Fatal(err)
	}
	return uint16(n)
}
