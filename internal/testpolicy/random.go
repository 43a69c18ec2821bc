package testpolicy

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"sallyport/policy"
)

// Random makes a world whose files have no errors. The same numbers make the same world.
func Random(r *rand.Rand, site *Site) *World {
	g := generator{Rand: r, site: site}
	w := &World{Now: site.Now, Ports: g.ports()}
	w.Source.Clients = g.clients()
	w.Source.Groups = g.groups(w.Source.Clients)
	w.Source.Rules = g.rules(w)
	for i := range r.IntN(3) {
		w.Source.Blocks = append(w.Source.Blocks, policy.Block{ID: fmt.Sprint("block-", i), Addresses: g.prefixes(1, 2), Reason: g.words()})
	}
	switch r.IntN(20) {
	case 0:
		w.Source.Audit.All = true
	case 1, 2, 3:
		p := one(&g, w.Ports...)
		w.Source.Audit.Ports = []string{one(&g, p.Name(), p.Application+"/*")}
	}
	return w
}

type generator struct {
	*rand.Rand
	site *Site
}

func one[T any](g *generator, of ...T) T { return of[g.IntN(len(of))] }

// ports are always the same sockets, so that a reload can go from one world to the next, and otherwise chosen anew.
func (g *generator) ports() []Port {
	four := func(port uint16) netip.AddrPort { return netip.AddrPortFrom(g.site.Four, port) }
	six := func(port uint16) netip.AddrPort { return netip.AddrPortFrom(g.site.Six, port) }
	all := []Port{
		{Application: "a", ID: "four", Listen: four(2021).String(), At: []netip.AddrPort{four(2021)}},
		{Application: "a", ID: "six", Listen: six(2022).String(), At: []netip.AddrPort{six(2022)}},
		{Application: "a", ID: "both", Listen: ":2023", At: []netip.AddrPort{four(2023), six(2023)}, Everywhere: true},
		{Application: "b", ID: "every-four", Listen: "0.0.0.0:2024", At: []netip.AddrPort{four(2024)}, Everywhere: true},
		{Application: "b", ID: "dual", Listen: "[::]:2025", At: []netip.AddrPort{four(2025), six(2025)}, Everywhere: true},
	}
	for i := range all {
		p := &all[i]
		p.Mode, p.ClientAuth = one(g, policy.Plaintext, policy.Plaintext, policy.AutoDetect, policy.Secure), "none"
		if p.Mode != policy.Plaintext {
			p.ClientAuth = one(g, "none", "request", "require")
		}
	}
	return all
}

func (g *generator) clients() []policy.Client {
	var all []policy.Client
	for i := range 3 + g.IntN(4) {
		c := policy.Client{Name: fmt.Sprint("client-", i), Addresses: g.prefixes(0, 3), Ports: g.ranges(), RequireTLS: g.IntN(6) == 0}
		if g.IntN(4) == 0 {
			c.Identities = []policy.Identity{g.identity()}
		}
		all = append(all, c)
	}
	return all
}

func (g *generator) identity() policy.Identity {
	patterns := []policy.Identity{{Kind: policy.DNSName, Value: "*.example.com"}, {Kind: policy.URIName, Value: "spiffe://td/ns/*"}}
	return one(g, slices.Concat(Identities(), patterns)...)
}

// prefixes are near the places where prefixes meet, and sometimes everything or this host.
func (g *generator) prefixes(least, most int) []netip.Prefix {
	var all []netip.Prefix
	for range least + g.IntN(most-least+1) {
		p := g.prefix()
		if !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all
}

func (g *generator) prefix() netip.Prefix {
	switch g.IntN(24) {
	case 0:
		return one(g, netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0"))
	case 1:
		return one(g, netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("::1/128"))
	}
	addr := one(g, g.site.Hot...)
	for range g.IntN(4) {
		addr = addr.Next()
	}
	bits := one(g, 32, 32, 31, 30, 29, 24, 20)
	if addr.Is6() {
		bits = one(g, 128, 128, 127, 126, 120, 64, 48)
	}
	p, err := addr.Prefix(bits)
	if err != nil {
		panic(err) // of a site that has no sound addresses
	}
	return p
}

func (g *generator) ranges() []policy.PortRange {
	var all []policy.PortRange
	for range g.IntN(4) {
		first := 20001 + g.IntN(30)
		all = append(all, one(g,
			policy.PortRange{First: uint16(first), Last: uint16(first)},
			policy.PortRange{First: uint16(first), Last: uint16(first + 1 + g.IntN(9))},
			policy.PortRange{First: uint16(first), Last: uint16(first + 1 + g.IntN(9))},
			policy.PortRange{First: uint16(first), Last: 65535},
			policy.PortRange{First: 1, Last: uint16(1 + g.IntN(1023))},
			policy.PortRange{First: 32768, Last: 60999},
			policy.PortRange{First: 65535, Last: 65535},
		))
	}
	return all
}

// groups of clients, of groups before them and of addresses; all are used by the last, which is used by a rule.
func (g *generator) groups(clients []policy.Client) []policy.Group {
	inner := policy.Group{Name: "inner", Members: []string{one(g, clients...).Name, policy.PrefixText(g.prefix())}}
	outer := policy.Group{Name: "outer", Members: []string{"inner", one(g, clients...).Name}}
	if g.IntN(3) == 0 {
		outer.Members = append(outer.Members, policy.PrefixText(g.prefix()))
	}
	outer.Members = slices.Compact(slices.Sorted(slices.Values(outer.Members)))
	return []policy.Group{inner, outer}
}

// rules name every client, group and word now and then, and each of the clients and groups at least once.
func (g *generator) rules(w *World) []policy.Rule {
	var all []policy.Rule
	names := []string{"outer"}
	for _, c := range w.Source.Clients {
		names = append(names, c.Name)
	}
	g.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for len(names) > 0 {
		n := min(1+g.IntN(3), len(names))
		from := slices.Clone(names[:n])
		names = names[n:]
		switch g.IntN(12) {
		case 0:
			from = append(from, policy.AnyName)
		case 1, 2:
			from = append(from, policy.LoopbackName)
		case 3, 4:
			from = append(from, policy.PrefixText(g.prefix()))
		}
		all = append(all, g.rule(w, len(all), from))
	}
	return all
}

func (g *generator) rule(w *World, number int, from []string) policy.Rule {
	r := policy.Rule{
		ID: fmt.Sprint("rule-", number), From: from, TLS: one(g, policy.TLSAny, policy.TLSAny, policy.TLSRequired, policy.PlaintextOnly),
		Owner: g.words(), Ticket: g.words(), Reason: g.words(),
	}
	for range 1 + g.IntN(2) {
		p := one(g, w.Ports...)
		if p.Mode == policy.Plaintext && r.TLS == policy.TLSRequired || p.Mode == policy.Secure && r.TLS == policy.PlaintextOnly {
			r.TLS = policy.TLSAny // otherwise the rule could be an error
		}
		if to := one(g, p.Name(), p.Name(), p.Application+"/*"); !slices.Contains(r.To, to) {
			r.To = append(r.To, to)
		}
	}
	r.Mode = one(g, policy.Enforce, policy.Enforce, policy.Enforce, policy.Enforce, policy.Enforce, policy.AuditRule, policy.Off)
	if g.IntN(4) == 0 {
		r.Limits = policy.Limits{MaxConnections: 5000, Rate: policy.Rate{Events: 8000, Per: time.Second}, Burst: 8000}
	}
	g.period(&r, w.Now)
	return r
}

// period gives some rules a first or a last day.
func (g *generator) period(r *policy.Rule, now time.Time) {
	const day = 24 * time.Hour
	today := now.UTC().Truncate(day)
	ends, begins := []int{-2, 2, 400}, []int{-2, 2}
	if g.site.Still {
		ends, begins = append(ends, -1, 0, 1), append(begins, -1, 0, 1)
	}
	switch g.IntN(8) {
	case 0:
		r.Expires = today.Add(time.Duration(one(g, ends...)) * day)
	case 1:
		r.ValidFrom = today.Add(time.Duration(one(g, begins...)) * day)
	}
}

// words are such as people write, and such as could break out of a comment.
func (g *generator) words() string {
	return one(g, "voice team", "CHG-1234", `"; flush ruleset; #`, `\" drop }`, "--comment x -j DROP", "é ü 漢字 "+string(rune(0x2028)), "$x `id` %s", "=1+1",
		"a text that is far longer than the hundred and twenty-eight bytes that a comment of nftables can have, so that somebody has to cut it, é")
}
