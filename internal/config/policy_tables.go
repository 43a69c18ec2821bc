package config

import (
	"fmt"
	"net/netip"

	"sallyport/internal/config/document"
	"sallyport/policy"
)

// limitOff is the word for no limit where leaving the key out means a default.
const limitOff = "off"

func (c policyChecker) defaults(raw *rawDefaults) policy.Defaults {
	d := policy.Defaults{
		Limits: policy.Limits{
			MaxConnections: c.number(raw.MaxConnections),
			Rate:           c.rateOrOff(raw.Rate),
			Burst:          c.atLeastOne(raw.Burst, "leave it out for the default"),
		},
		IPv6Prefix: c.number(raw.IPv6Prefix),
		Handshakes: c.rateOrOff(raw.Handshakes),
	}
	if raw.Rate.Value == limitOff && !raw.Burst.Set {
		d.Burst = 0 // the default goes with a rate
	}
	forgiveBurst(raw.Rate, &d.Limits)
	if raw.IPv6Prefix.Set && raw.IPv6Prefix.Value == 0 {
		c.report(raw.IPv6Prefix.Problem("0 would make one source of all IPv6 addresses", "1 to 128; 64 is the default"))
	}
	return d
}

// rateOrOff reads a rate that has a default.
func (c policyChecker) rateOrOff(l Located[string]) policy.Rate {
	if l.Value == "" || l.Value == limitOff {
		return policy.Rate{}
	}
	rate, err := policy.ParseRate(l.Value)
	if err != nil {
		c.malformed(l, err, `write a number and a unit, such as "100/s" or "600/m", or "off" for no bound`)
	}
	return rate
}

func (c policyChecker) lockout(raw *rawLockout) policy.Lockout {
	l := policy.Lockout{
		Failures: c.number(raw.Failures),
		Window:   raw.Window.Value,
		Duration: raw.Duration.Value,
		Exempt:   texts(raw.Exempt),
	}
	if l.Duration == document.Forever {
		l.Duration, l.Forever = 0, true
	}
	if raw.Exempt.Value == nil {
		l.Exempt = []string{policy.LoopbackName} // exempt = [] exempts nobody
	}
	return l
}

func (c policyChecker) test(raw *rawTest) policy.Test {
	for _, l := range []struct {
		Located[string]
		hint string
	}{
		{raw.From, testFromForms},
		{raw.To, `write "application/port"`},
		{raw.Expect, `it is one of "allow", "deny" or "audit-deny"`},
	} {
		if !l.Set {
			c.report(l.Problem("missing", l.hint))
		}
	}
	c.notEmpty(raw.Identity, "an empty identity is none", "leave it out for a client without a certificate")
	t := policy.Test{
		Identity: each(c, raw.Identity, policy.ParseIdentity),
		To:       raw.To.Value,
		TLS:      raw.TLS.Value,
		At:       raw.At.Value,
		Expect:   one(c, raw.Expect, policy.ParseVerdict),
	}
	if raw.From.Set {
		t.From = one(c, raw.From, ParseFrom)
	}
	return t
}

const (
	testFromUnix  = "unix"
	testFromForms = `write "10.2.0.5:20001", "10.2.0.5", "[2001:db8::5]:20001" or "unix"`
)

// ParseFrom reads who connects: an address with a source port, an address alone, whose
// port is then 0, or "unix", which is the invalid address. Errors are
// [*policy.Malformed].
func ParseFrom(text string) (netip.AddrPort, error) {
	if text == testFromUnix {
		return netip.AddrPort{}, nil
	}
	from, err := netip.ParseAddrPort(text)
	if err != nil {
		var addr netip.Addr
		if addr, err = netip.ParseAddr(unbracket(text)); err != nil {
			return netip.AddrPort{}, &policy.Malformed{
				Problem: fmt.Sprintf("%q is neither an address nor an address with a source port", text), Hint: testFromForms}
		}
		from = netip.AddrPortFrom(addr, 0)
	} else if from.Port() == 0 {
		return netip.AddrPort{}, &policy.Malformed{
			Problem: fmt.Sprintf("%q: no connection comes from port 0", text),
			Hint:    fmt.Sprintf("write %q for an address alone", from.Addr())}
	}
	switch addr := from.Addr(); {
	case addr.Zone() != "":
		return netip.AddrPort{}, &policy.Malformed{
			Problem: fmt.Sprintf("%q has a zone", text), Hint: "leave out the % and what follows it"}
	case addr.Is4In6():
		return netip.AddrPort{}, &policy.Malformed{
			Problem: fmt.Sprintf("%q is an IPv4-mapped address", text),
			Hint:    fmt.Sprintf("clients are compared as what they are: write %q", addr.Unmap())}
	}
	return from, nil
}
