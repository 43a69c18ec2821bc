package suggest

import (
	"net/netip"
	"slices"

	"sallyport/policy"
)

// byFingerprint returns the rule that allows the session if its certificate has one of the fingerprints in
// the policy, which the log does not tell.
func (s *Survey) byFingerprint(one *session, facts policy.Facts) string {
	if !one.certified {
		return ""
	}
	may := s.fingerprints(one.source.Addr())
	if len(may) == 0 {
		return ""
	}
	facts.Identities = policy.NewIdentities(append(may, one.shown...)...)
	if d := s.Policy.Decide(&facts); d.Verdict == policy.Allow {
		return d.Rule
	}
	return ""
}

// fingerprints returns those that clients at an address may show.
func (s *Survey) fingerprints(source netip.Addr) (all []policy.Identity) {
	for _, p := range s.fingerprinted() {
		here := func(prefix netip.Prefix) bool { return prefix.Contains(source) }
		if len(p.addresses) == 0 || slices.ContainsFunc(p.addresses, here) {
			all = append(all, p.fingerprints...)
		}
	}
	return all
}

// fingerprinted is what of a client definition demands fingerprints.
type fingerprinted struct {
	addresses    []netip.Prefix // none for any
	fingerprints []policy.Identity
}

// fingerprinted returns the clients of the policy in force that have fingerprints.
func (s *Survey) fingerprinted() []fingerprinted {
	if s.printed != nil {
		return s.printed
	}
	s.printed = []fingerprinted{}
	for _, c := range s.Policy.Source().Clients {
		p := fingerprinted{addresses: c.Addresses}
		for _, identity := range c.Identities {
			if identity.Kind == policy.LeafSHA256 || identity.Kind == policy.PublicKeyHash {
				p.fingerprints = append(p.fingerprints, identity)
			}
		}
		if len(p.fingerprints) > 0 {
			s.printed = append(s.printed, p)
		}
	}
	return s.printed
}
