// Package testpolicy makes configurations with policies at random and says on its own what they let pass, for tests that
// hold explain, exported firewalls and the running proxy against each other.
//
// Of package policy it uses the plain values in which policies are written, and none of the code that judges.
package testpolicy

import (
	"net/netip"
	"time"

	"sallyport/policy"
)

// World is a configuration and its policy.
type World struct {
	Ports  []Port
	Source policy.Source // without ports: those of the world are meant
	Now    time.Time     // for which the periods of rules were chosen
}

// Port is a listening port of a world.
type Port struct {
	Application, ID string
	Listen          string // as configurations say it
	Mode            policy.Mode
	ClientAuth      string           // "none", "request" or "require"; "none" on a plaintext port
	At              []netip.AddrPort // where clients find it, of the families on which it listens
	Everywhere      bool             // it listens on the loopback of these families, too
}

// Name returns application/id.
func (p *Port) Name() string { return p.Application + "/" + p.ID }

// Site is where worlds are: the addresses of a server, and those that clients can have.
type Site struct {
	Four, Six netip.Addr // of the server
	Clients   []netip.Prefix
	Hot       []netip.Addr // where the prefixes of policies meet, so that they overlap; all of them clients'
	Now       time.Time
	Still     bool // the clock stands, so that days may begin and end right beside Now
}

// Holds reports whether a client can have an address.
func (s *Site) Holds(addr netip.Addr) bool {
	for _, p := range s.Clients {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// Names are what the certificate says that fits every world best: it has every name that a policy asks for.
func Names() (commonName string, dns, uris []string) {
	return "best", []string{"a.example.com", "b.example.com"}, []string{"spiffe://td/ns/cti"}
}

// Identities are those names as explain and the tests of policies take them.
func Identities() []policy.Identity {
	commonName, dns, uris := Names()
	all := []policy.Identity{{Kind: policy.CommonName, Value: commonName}}
	for _, name := range dns {
		all = append(all, policy.Identity{Kind: policy.DNSName, Value: name})
	}
	for _, uri := range uris {
		all = append(all, policy.Identity{Kind: policy.URIName, Value: uri})
	}
	return all
}
