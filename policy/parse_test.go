package policy_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sallyport/policy"
)

type parseCase struct{ text, want, problem, hint string }

// checkParser compares a parser's results as text.
func checkParser(t *testing.T, parse func(string) (string, error), cases []parseCase) {
	t.Helper()
	for _, c := range cases {
		got, err := parse(c.text)
		if c.problem == "" {
			if err != nil || got != c.want {
				t.Errorf("%q = %q, %v; want %q", c.text, got, err, c.want)
			}
			continue
		}
		var m *policy.Malformed
		if !errors.As(err, &m) {
			t.Errorf("%q = %q, %v; want the problem %q", c.text, got, err, c.problem)
			continue
		}
		if m.Problem != c.problem || c.hint != "" && m.Hint != c.hint || m.Error() != m.Problem {
			t.Errorf("%q:\n got %s | %s\nwant %s | %s", c.text, m.Problem, m.Hint, c.problem, c.hint)
		}
	}
}

func parsePrefix(text string) (string, error) {
	p, err := policy.ParsePrefix(text)
	return p.String(), err
}

func TestParsePrefix(t *testing.T) {
	checkParser(t, parsePrefix, []parseCase{
		{text: "10.2.0.5", want: "10.2.0.5/32"},
		{text: "10.2.0.0/16", want: "10.2.0.0/16"},
		{text: "2001:DB8::5", want: "2001:db8::5/128"},
		{text: "::/0", want: "::/0"},
		{text: "10.2.0.5/16", problem: `"10.2.0.5/16" has bits beyond its length of 16`, hint: `did you mean "10.2.0.0/16", or "10.2.0.5" alone?`},
		{text: "::ffff:10.2.0.5", problem: `"::ffff:10.2.0.5" is an IPv4-mapped address`, hint: `did you mean "10.2.0.5"?`},
		{text: "::ffff:10.2.0.0/112", problem: `"::ffff:10.2.0.0/112" is an IPv4-mapped prefix`, hint: `did you mean "10.2.0.0/16"?`},
		{text: "::ffff:0:0/90", problem: `"::ffff:0.0.0.0/90" is an IPv4-mapped prefix`},
		{text: "fe80::1%eth0", problem: `"fe80::1%eth0" has a zone`},
		{text: "fe80::%eth0/64", problem: `"fe80::%eth0/64" has a zone`},
		{text: "10.2.0.5:20001", problem: `"10.2.0.5:20001" is not an address or prefix`, hint: `did you mean "10.2.0.5"? source ports are given by the ports of a [[client]]`},
		{text: "[2001:db8::1]", problem: `"[2001:db8::1]" is not an address or prefix`, hint: `did you mean "2001:db8::1"?`},
		{text: "10.2.0.5 ", problem: `"10.2.0.5 " is not an address or prefix`, hint: `did you mean "10.2.0.5"?`},
		{text: "any", problem: `"any" is not an address or prefix`, hint: `leave the addresses out if any is meant`},
		{text: "loopback", problem: `"loopback" is not an address or prefix`, hint: `write "127.0.0.0/8" and "::1"`},
		{text: "10.2.0.05", problem: `"10.2.0.05" is not an address or prefix`},
		{text: "10.2.0.0/33", problem: `"10.2.0.0/33" is not an address or prefix`},
		{text: "", problem: `"" is not an address or prefix`},
		{text: "10.0.0.1 - 10.0.0.9", problem: `"10.0.0.1 - 10.0.0.9" is a range, not an address or prefix`},
	})
}

func FuzzParsePrefix(f *testing.F) {
	for _, seed := range []string{"10.2.0.5", "10.2.0.0/16", "::ffff:1.2.3.4/120", "fe80::1%x", "1.2.3.4-1.2.3.9", "[::1]:5"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := policy.ParsePrefix(text)
		if err != nil {
			return
		}
		if p != p.Masked() || p.Addr().Is4In6() || p.Addr().Zone() != "" || !p.Contains(p.Addr()) {
			t.Errorf("%q = %s, which compares otherwise than it looks", text, p)
		}
		if again, err := policy.ParsePrefix(p.String()); err != nil || again != p {
			t.Errorf("%q = %s, which is %s, %v", text, p, again, err)
		}
	})
}

func parsePortRange(text string) (string, error) {
	r, err := policy.ParsePortRange(text)
	return r.String(), err
}

func TestParsePortRange(t *testing.T) {
	const form = `ports are 1 to 65535; write "20001" or "20001-20004"`
	checkParser(t, parsePortRange, []parseCase{
		{text: "20001", want: "20001"},
		{text: "20001-20004", want: "20001-20004"},
		{text: "20001-20001", want: "20001"},
		{text: "1-65535", want: "1-65535"},
		{text: "20004-20001", problem: `"20004-20001" is a range that ends before it begins`, hint: `did you mean "20001-20004"?`},
		{text: "0", problem: `"0" is not a port or range of ports`, hint: form},
		{text: "65536", problem: `"65536" is not a port or range of ports`, hint: form},
		{text: "1-2-3", problem: `"1-2-3" is not a port or range of ports`, hint: form},
		{text: "-1", problem: `"-1" is not a port or range of ports`, hint: form},
		{text: "1-", problem: `"1-" is not a port or range of ports`, hint: form},
		{text: "+1", problem: `"+1" is not a port or range of ports`, hint: form},
		{text: "01", problem: `"01" is not a port or range of ports`, hint: form},
		{text: "", problem: `"" is not a port or range of ports`, hint: form},
	})
}

func FuzzParsePortRange(f *testing.F) {
	for _, seed := range []string{"20001", "20001-20004", "0-1", "65535-65535", "9-1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := policy.ParsePortRange(text)
		if err != nil {
			return
		}
		if r.First == 0 || r.First > r.Last || !r.Contains(r.First) || !r.Contains(r.Last) || r.Contains(r.First-1) || r.Last < 65535 && r.Contains(r.Last+1) {
			t.Errorf("%q = %+v", text, r)
		}
		if again, err := policy.ParsePortRange(r.String()); err != nil || again != r {
			t.Errorf("%q = %s, which is %s, %v", text, r, again, err)
		}
	})
}

func parseRate(text string) (string, error) {
	r, err := policy.ParseRate(text)
	return r.String(), err
}

func TestParseRate(t *testing.T) {
	const form = `write a number and a unit, such as "10/s", "600/m" or "36000/h"`
	checkParser(t, parseRate, []parseCase{
		{text: "10/s", want: "10/s"},
		{text: "600/m", want: "600/m"},
		{text: "36000/h", want: "36000/h"},
		{text: "10", problem: `"10" is not a rate`, hint: form},
		{text: "/s", problem: `"/s" is not a rate`, hint: form},
		{text: "-1/s", problem: `"-1/s" is not a rate`, hint: form},
		{text: "1.5/s", problem: `"1.5/s" is not a rate`, hint: form},
		{text: "010/s", problem: `"010/s" is not a rate`, hint: form},
		{text: "0/s", problem: `"0/s" lets nothing pass`},
		{text: "10/d", problem: `"10/d" has the unknown unit "d"`, hint: "the units are s, m and h"},
		{text: "4000000000/s", problem: `"4000000000/s" is more than 1000000000 events`},
	})
	for text, want := range map[string]float64{"10/s": 10, "600/m": 10, "36000/h": 10, "1/h": 1.0 / 3600} {
		if r, _ := policy.ParseRate(text); r.PerSecond() != want {
			t.Errorf("%s is %v per second, want %v", text, r.PerSecond(), want)
		}
	}
	if (policy.Rate{}).PerSecond() != 0 || !(policy.Rate{}).IsZero() || (policy.Rate{Events: 1, Per: time.Second}).IsZero() {
		t.Error("the zero rate sets no bound, others do")
	}
}

func FuzzParseRate(f *testing.F) {
	for _, seed := range []string{"10/s", "600/m", "1/h", "0/s", "99999999999/s", "1/x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := policy.ParseRate(text)
		if err != nil {
			return
		}
		if r.String() != text || r.PerSecond() <= 0 {
			t.Errorf("%q = %s, %v per second", text, r, r.PerSecond())
		}
	})
}

func parseIdentity(text string) (string, error) {
	i, err := policy.ParseIdentity(text)
	if err != nil {
		return "", err
	}
	return i.String(), nil
}

func TestParseIdentity(t *testing.T) {
	const kinds = "identities begin with cn:, ou:, dns:, uri:, email:, ip:, sha256: or spki:"
	digest := strings.Repeat("ab", 32)
	checkParser(t, parseIdentity, []parseCase{
		{text: "cn:T-Server East", want: "cn:T-Server East"},
		{text: "ou:Sprachdienste Süd", want: "ou:Sprachdienste Süd"},
		{text: "dns:TServer.Example.com.", want: "dns:tserver.example.com"},
		{text: "dns:*.example.com", want: "dns:*.example.com"},
		{text: "dns:_sip.example.com", want: "dns:_sip.example.com"},
		{text: "uri:SPIFFE://Example.com/ns/A", want: "uri:spiffe://example.com/ns/A"},
		{text: "uri:spiffe://example.com/ns/*", want: "uri:spiffe://example.com/ns/*"},
		{text: "uri:spiffe://example.com/*", want: "uri:spiffe://example.com/*"},
		{text: "uri:urn:example:a", want: "uri:urn:example:a"},
		{text: "email:Someone@Example.COM", want: "email:Someone@example.com"},
		{text: "ip:2001:DB8::1", want: "ip:2001:db8::1"},
		{text: "ip:::ffff:10.2.0.5", want: "ip:10.2.0.5"},
		{text: "sha256:" + strings.ToUpper(digest), want: "sha256:" + digest},
		{text: "sha256:" + strings.TrimSuffix(strings.Repeat("AB:", 32), ":"), want: "sha256:" + digest},
		{text: "spki:q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=", want: "spki:" + digest},

		{text: "tserver.example.com", problem: `"tserver.example.com" does not say what kind of identity it is`, hint: `did you mean "dns:tserver.example.com"? ` + kinds},
		{text: "a b", problem: `"a b" does not say what kind of identity it is`, hint: kinds},
		{text: ":x", problem: `":x" has an unknown kind`, hint: kinds},
		{text: "DNS:a", problem: `"DNS:a" has an unknown kind`, hint: `did you mean "dns:a"? ` + kinds},
		{text: "url:https://a", problem: `"url:https://a" has an unknown kind`, hint: `did you mean "uri:https://a"? ` + kinds},
		{text: "cn:", problem: `"cn:" is empty behind the colon`},
		{text: "cn: a", problem: `"cn: a" begins or ends with a space`},
		{text: "cn:a\nb", problem: `"cn:a\nb" has characters that cannot be printed`},
		{text: "cn:\xff", problem: `"cn:\xff" has characters that cannot be printed`},
		{text: "cn:*.example.com", problem: `"cn:*.example.com" has a *, which has a meaning in dns: and uri: only`},
		{text: "dns:*", problem: `"dns:*" has a * that is not the whole first label`},
		{text: "dns:a*.example.com", problem: `"dns:a*.example.com" has a * that is not the whole first label`},
		{text: "dns:*.*.example.com", problem: `"dns:*.*.example.com" has a * that is not the whole first label`},
		{text: "dns:süd.example.com", problem: `"dns:süd.example.com" is not a DNS name`},
		{text: "dns:a..b", problem: `"dns:a..b" is not a DNS name`},
		{text: "dns:-a.b", problem: `"dns:-a.b" is not a DNS name`},
		{text: "dns:" + strings.Repeat("a", 64), problem: `"dns:` + strings.Repeat("a", 64) + `" is not a DNS name`},
		{text: "uri:example.com/a", problem: `"uri:example.com/a" is not a URI with a scheme`},
		{text: "uri:urn:a b", problem: `"uri:urn:a b" is not a URI with a scheme`},
		{text: "uri:spiffe://*", problem: `"uri:spiffe://*" has a /* without a plain scheme://host/path before it`},
		{text: "uri:spiffe://a/*/b", problem: `"uri:spiffe://a/*/b" has a * that is not a trailing /*`},
		{text: "uri:spiffe://a/b*", problem: `"uri:spiffe://a/b*" has a * that is not a trailing /*`},
		{text: "uri:spiffe://a/../*", problem: `"uri:spiffe://a/../*" has a /* without a plain scheme://host/path before it`},
		{text: "uri:spiffe://a/b?c/*", problem: `"uri:spiffe://a/b?c/*" has a /* without a plain scheme://host/path before it`},
		{text: "email:example.com", problem: `"email:example.com" is not a mail address`},
		{text: "email:a@-", problem: `"email:a@-" is not a mail address`},
		{text: "ip:10.2.0.0/16", problem: `"ip:10.2.0.0/16" is not an address`},
		{text: "ip:fe80::1%eth0", problem: `"ip:fe80::1%eth0" has a zone`},
		{text: "sha256:abcd", problem: `"sha256:abcd" is not a SHA-256 hash`},
		{text: "cn:" + strings.Repeat("x", 1025), problem: `"cn:` + strings.Repeat("x", 197) + `"... is too long`},
	})
}

func FuzzParseIdentity(f *testing.F) {
	for _, seed := range []string{"dns:*.example.com", "uri:spiffe://td/ns/*", "uri:spiffe://td/a%2Fb", "email:a@b", "ip:::1", "cn:x", "sha256:" + strings.Repeat("0", 64)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		i, err := policy.ParseIdentity(text)
		if err != nil {
			if _, isMalformed := err.(*policy.Malformed); !isMalformed {
				t.Errorf("%q: %T", text, err)
			}
			return
		}
		if again, err := policy.ParseIdentity(i.String()); err != nil || again != i {
			t.Errorf("%q = %s, which is %s, %v", text, i, again, err)
		}
	})
}

func TestParseWords(t *testing.T) {
	for _, d := range []policy.TLSDemand{policy.TLSRequired, policy.TLSAny, policy.PlaintextOnly} {
		if got, err := policy.ParseTLSDemand(d.String()); err != nil || got != d {
			t.Errorf("%s = %v, %v", d, got, err)
		}
	}
	for _, m := range []policy.RuleMode{policy.Enforce, policy.AuditRule, policy.Off} {
		if got, err := policy.ParseRuleMode(m.String()); err != nil || got != m {
			t.Errorf("%s = %v, %v", m, got, err)
		}
	}
	for _, v := range []policy.Verdict{policy.Allow, policy.Deny, policy.AuditDeny} {
		if got, err := policy.ParseVerdict(v.String()); err != nil || got != v {
			t.Errorf("%s = %v, %v", v, got, err)
		}
	}
	_, err := policy.ParseTLSDemand("yes")
	var m *policy.Malformed
	if !errors.As(err, &m) || m.Problem != `unknown value "yes"` || m.Hint != `it is one of "required", "any" or "plaintext"` {
		t.Errorf("%+v", err)
	}
}

func TestCounted(t *testing.T) {
	src := sound()
	for _, c := range []struct {
		length     int
		addr, want string
	}{
		{0, "10.2.0.5", "10.2.0.5/32"},
		{0, "::ffff:10.2.0.5", "10.2.0.5/32"},
		{0, "2001:db8::1:2:3:4", "2001:db8::/64"},
		{48, "2001:db8:1:2::3", "2001:db8:1::/48"},
		{128, "fe80::1%eth0", "fe80::1/128"},
	} {
		src.Defaults.IPv6Prefix = c.length
		if got := compiled(t, src).Counted(netip.MustParseAddr(c.addr)); got.String() != c.want {
			t.Errorf("%s at %d is counted as %s, want %s", c.addr, c.length, got, c.want)
		}
	}
	if got := compiled(t, src).Counted(netip.Addr{}); got != (netip.Prefix{}) {
		t.Errorf("no address is counted as %s", got)
	}
}
