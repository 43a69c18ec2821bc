package suggest

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/policy"
)

// line returns a record of a session that audit mode let through, with changes: a key without a value
// is left out.
func line(changes ...string) string {
	keys := []string{"application", "port", "source", "mode", "verdict", "reason"}
	values := map[string]string{"application": "config-server", "port": "secure", "source": "10.2.0.5:20001", "mode": "tls",
		"verdict": "audit-deny", "reason": "no_rule"}
	for _, change := range changes {
		key, value, _ := strings.Cut(change, "=")
		if _, known := values[key]; !known {
			keys = append(keys, key)
		}
		values[key] = value
	}
	text := "time=2026-11-22T14:00:00.000Z level=INFO msg=session"
	for _, key := range keys {
		if values[key] != "" {
			text += " " + key + "=" + values[key]
		}
	}
	return text + "\n"
}

// inForce is a policy with something of everything that leaves records out.
func inForce(t *testing.T) *policy.Set {
	t.Helper()
	prefixes := func(text string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(text)} }
	set, faults := policy.Compile(&policy.Source{
		Ports: []policy.Port{
			{Application: "config-server", ID: "secure", Mode: policy.Secure, ClientAuth: true},
			{Application: "config-server", ID: "upgrade", Mode: policy.AutoDetect},
			{Application: "config-server", ID: "plain", Mode: policy.Plaintext},
		},
		Clients: []policy.Client{
			{Name: "seen-10.2.0.5", Addresses: prefixes("10.9.0.1/32")},
			{Name: "strict", Addresses: prefixes("10.9.0.2/32"), RequireTLS: true},
			{Name: "printed", Addresses: prefixes("10.9.0.4/32"), Identities: []policy.Identity{{Kind: policy.LeafSHA256, Value: strings.Repeat("a", 64)}}},
			{Name: "unit", Addresses: prefixes("10.9.0.5/32"), Identities: []policy.Identity{{Kind: policy.OrgUnit, Value: "voice"}}},
		},
		Groups: []policy.Group{{Name: "seen-10.2.0.5-2", Members: []string{"10.9.0.3"}}},
		Rules: []policy.Rule{{
			ID:   "seen-config-server-secure-tls",
			From: []string{"seen-10.2.0.5", "seen-10.2.0.5-2"},
			To:   []string{"config-server/*"},
			TLS:  policy.TLSAny,
		}, {
			ID:   "certified",
			From: []string{"printed", "unit"},
			To:   []string{"config-server/secure"},
		}},
		Blocks: []policy.Block{{ID: "scanner", Addresses: prefixes("203.0.113.0/24")}},
		Audit:  policy.Audit{All: true},
	}, time.Unix(0, 0))
	if set == nil {
		t.Fatal(faults)
	}
	return set
}

func TestWhatCounts(t *testing.T) {
	tests := []struct {
		name   string
		line   string
		denied bool
		known  bool // there is a policy
		want   cause
	}{
		{name: "let through by audit mode", line: line()},
		{name: "by an audit rule", line: line("reason=audit_rule", "rule=a")},
		{name: "reason hidden", line: line("reason=****")},
		{name: "allowed", line: line("verdict=allow", "reason=allowed"), want: sessionAllowed},
		{name: "no policy", line: line("verdict=allow", "reason=no_policy"), want: sessionAllowed},
		{name: "denied", line: line("verdict=deny"), want: sessionDenied},
		{name: "denied, and asked for", line: line("verdict=deny"), denied: true},
		{name: "identity missing", line: line("verdict=deny", "reason=identity_missing"), denied: true},
		{name: "denied, reason hidden", line: line("verdict=deny", "reason=****"), denied: true, want: attributeMissing},
		{name: "limit", line: line("verdict=deny", "reason=source_rate"), denied: true, want: sourceLimit},
		{name: "limit of a rule", line: line("verdict=deny", "reason=rule_connections", "rule=r"), denied: true, want: ruleLimit},
		{name: "lock-out", line: line("verdict=deny", "reason=source_locked"), denied: true, want: otherReason},
		{name: "handshake", line: line("verdict=deny", "reason=version_mismatch"), denied: true, want: otherReason},
		{name: "blocked, let through", line: line("reason=blocked"), want: sourceBlocked},
		{name: "require_tls, let through", line: line("reason=require_tls", "mode=plaintext"), want: plaintextRefused},
		{name: "source hidden", line: line("source=****"), want: attributeMissing},
		{name: "port skipped", line: line("port="), want: attributeMissing},
		{name: "verdict skipped", line: line("verdict="), want: attributeMissing},
		{name: "verdict that there is not", line: line("verdict=maybe"), want: valueUnknown},
		{name: "source that is none", line: line("source=10.2.0.5"), want: valueUnknown},
		{name: "port that is none", line: line(`port="a/b"`), want: valueUnknown},
		{name: "application that breaks out", line: line(`application="a\"]\n[[allow]]"`), want: valueUnknown},
		{name: "broken time", line: strings.Replace(line(), "2026", "x", 1)},
		{name: "UNIX socket", line: line("source=unix")},
		{name: "UNIX socket behind a balancer here", line: line("source=unix", "peer=127.0.0.1:4000")},
		{name: "UNIX socket behind a balancer elsewhere", line: line("source=unix", "peer=10.0.0.1:4000"), want: socketElsewhere},
		{name: "UNIX socket behind a hidden balancer", line: line("source=unix", "peer=****"), want: socketElsewhere},
		{name: "cut off", line: line()[:70] + " sni=\"\n", want: recordBroken},
		{name: "too long", line: line("sni=" + strings.Repeat("x", longestLine)), want: lineTooLong},

		{name: "still denied", line: line(), known: true},
		{name: "allowed by now", line: line("source=10.9.0.1:7"), known: true, want: allowedByNow},
		{name: "allowed by now, zone and all", line: line("source=[::ffff:10.9.0.3]:7"), known: true, want: allowedByNow},
		{name: "may be allowed by now", line: line("source=10.9.0.1:7", "port=upgrade", "mode="), known: true, want: allowedByNow},
		{name: "allowed by now, by what no rule should demand", line: line("source=10.9.0.5:7", `peer_identities="cn:x ou:voice"`), known: true, want: allowedByNow},
		{name: "may be allowed by a fingerprint", line: line("source=10.9.0.4:7", `peer_subject="CN=x"`), known: true, want: fingerprintUnknown},
		{name: "may be, with the certificate hidden", line: line("source=10.9.0.4:7", "peer_subject=****", "peer_identities=****"), known: true, want: fingerprintUnknown},
		{name: "a fingerprint of somebody else", line: line("source=10.9.0.6:7", `peer_subject="CN=x"`), known: true},
		{name: "no certificate, so no fingerprint", line: line("source=10.9.0.4:7"), known: true},
		{name: "blocked by now", line: line("source=203.0.113.9:7"), known: true, want: sourceBlocked},
		{name: "require_tls by now", line: line("source=10.9.0.2:7", "port=upgrade", "mode=plaintext"), known: true, want: plaintextRefused},
		{name: "unknown port", line: line("port=nowhere"), known: true, want: portUnknown},
		{name: "TLS on a port that takes none", line: line("port=plain"), known: true, want: modeGone},
		{name: "plaintext on a port that takes TLS", line: line("mode=plaintext"), known: true, want: modeGone},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := Survey{Denied: test.denied}
			if test.known {
				s.Policy = inForce(t)
			}
			if err := s.Read(strings.NewReader("one\n" + test.line + "other")); err != nil {
				t.Fatal(err)
			}
			var why []string
			for _, left := range s.Account().LeftOut {
				why = append(why, left.Why)
			}
			var want []string
			if test.want != nothing {
				want = []string{causeTexts[test.want]}
			}
			if diff := cmp.Diff(want, why); diff != "" {
				t.Errorf("left out (-want +got):\n%s", diff)
			}
			a := s.Account()
			if a.Lines != 3 || a.Used != 1-len(want) || s.Draft().Empty() != (test.want != nothing) {
				t.Errorf("%+v, empty: %t", a, s.Draft().Empty())
			}
		})
	}
}

func TestEveryCauseIsExplained(t *testing.T) {
	for why := nothing + 1; why < causes; why++ {
		if causeTexts[why] == "" {
			t.Errorf("cause %d has no text", why)
		}
	}
}

func TestReadCompressed(t *testing.T) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	io.WriteString(w, line()+line())
	w.Close()
	whole := packed.Bytes()

	var s Survey
	if err := s.Read(iotest.OneByteReader(bytes.NewReader(whole))); err != nil || s.Account().Used != 2 {
		t.Errorf("%v, %+v", err, s.Account())
	}
	if err := s.Read(bytes.NewReader(whole[:len(whole)-4])); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a log that was cut off: %v", err)
	}
	if err := s.Read(strings.NewReader("\x1f\x8bx")); err == nil {
		t.Error("no error for what only begins like gzip")
	}
}

func TestReadErrors(t *testing.T) {
	broken := errors.New("broken disk")
	for _, begin := range []string{line(), strings.Repeat("x", longestLine+1)} {
		var s Survey
		if err := s.Read(io.MultiReader(strings.NewReader(begin), iotest.ErrReader(broken))); !errors.Is(err, broken) {
			t.Errorf("%v, want %v", err, broken)
		}
	}
}

// A scanner, or a million of them, must not take all memory. What was there before goes on to count.
func TestBound(t *testing.T) {
	s := Survey{Most: 10}
	var log strings.Builder
	for i := range 1000 {
		fmt.Fprint(&log, line(fmt.Sprintf("source=10.%d.%d.1:%d", i%100/10, i%10, 1000+i)))
	}
	if err := s.Read(strings.NewReader(log.String())); err != nil {
		t.Fatal(err)
	}
	a, d := s.Account(), s.Draft()
	if len(d.Clients) != 10 || a.Used != 100 || !a.Incomplete {
		t.Errorf("%d clients, %+v", len(d.Clients), a)
	}
	var text strings.Builder
	if err := d.Write(&text); err != nil || !strings.Contains(text.String(), "# INCOMPLETE: ") {
		t.Errorf("the file does not say that it is incomplete: %v\n%s", err, text.String())
	}
}

func TestSuppressed(t *testing.T) {
	var s Survey
	s.Read(strings.NewReader(line("verdict=deny", "reason=source_rate", "suppressed=12") + line("verdict=deny", "suppressed=3")))
	if got := s.Account().Suppressed; got != 15 {
		t.Errorf("%d suppressed, want 15", got)
	}
}
