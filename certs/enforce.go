package certs

// accepted are the credentials of a generation. The zero value is ready.
type accepted struct {
	certificates map[verdictOn]struct{} // each with the trust of its level
	trusts       map[digest]struct{}    // by fingerprint
}

// Enforce says that everything that was loaded is in force from now on. What is in force and then runs out, while its files
// stay as they are, is only warned of: it is served either way, and as an error it would keep everything else from being
// changed, a block against an attacker included.
func (r *Reading) Enforce() {
	r.loader.mu.Lock()
	defer r.loader.mu.Unlock()
	r.loader.inForce = r.accepted
}

func (a *accepted) add(c *Credentials) {
	if a.certificates == nil {
		a.certificates, a.trusts = make(map[verdictOn]struct{}), make(map[digest]struct{})
	}
	for _, certificate := range c.Certificates {
		a.certificates[levelOf(certificate, c.Trust)] = struct{}{}
	}
	if c.Trust != nil {
		a.trusts[c.Trust.Fingerprint] = struct{}{}
	}
}

func levelOf(c *Certificate, trust *Trust) verdictOn {
	if trust == nil {
		return verdictOn{certificate: c}
	}
	return verdictOn{c, trust.Fingerprint}
}

// excuse makes warnings of those findings about a certificate in force that time alone has brought.
func (a *accepted) excuse(c *Certificate, trust *Trust, findings []*finding) []*finding {
	if _, ok := a.certificates[levelOf(c, trust)]; !ok {
		return findings
	}
	for i, f := range findings {
		findings[i] = f.excused()
	}
	return findings
}

// excuseTrust does the same for a finding about the CAs and revocation lists in force.
func (a *accepted) excuseTrust(t *Trust, f *finding) *finding {
	if _, ok := a.trusts[t.Fingerprint]; !ok {
		return f
	}
	return f.excused()
}

// excused returns a finding that time alone can bring as a warning.
func (f *finding) excused() *finding {
	if f == nil || !f.passing || f.warning {
		return f
	}
	again := *f
	again.warning = true
	again.hint += "; a reload keeps it, since it is in force, and a start would refuse it"
	return &again
}
