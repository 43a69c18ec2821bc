package load

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestSummarise(t *testing.T) {
	t.Parallel()
	thousand := make([]time.Duration, 1000)
	for i := range thousand {
		thousand[len(thousand)-1-i] = time.Duration(i)
	}
	tests := map[string]struct {
		all  []time.Duration
		want Latencies
	}{
		"none":       {},
		"one":        {[]time.Duration{7}, Latencies{7, 7, 7, 7, 7}},
		"two":        {[]time.Duration{9, 1}, Latencies{9, 9, 9, 9, 9}},
		"a thousand": {thousand, Latencies{500, 900, 990, 999, 999}},
	}
	for name, test := range tests {
		if diff := cmp.Diff(test.want, summarise(test.all)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestTallyForgetsThePreparation(t *testing.T) {
	t.Parallel()
	counted := newTally()
	counted.done(time.Second)
	counted.flooded(5)
	counted.failed(errors.New("early"))
	counted.begin()
	counted.done(2, 4)
	counted.flooded(3)
	got := counted.result(time.Second)
	want := Result{
		Units: 2, Wall: time.Second, Latencies: Latencies{4, 4, 4, 4, 4}, Flood: 3,
		Failures: map[string]int{"early": 1}, Seen: map[string]int{},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
}

func TestSecurityCheck(t *testing.T) {
	t.Parallel()
	expected := Security{Version: tls.VersionTLS13, Cipher: tls.TLS_AES_128_GCM_SHA256, Group: uint16(tls.X25519), Signer: "ECDSA"}
	good := agreement{tls.VersionTLS13, tls.TLS_AES_128_GCM_SHA256, tls.X25519, x509.ECDSA, false}
	tests := map[string]struct {
		got    func(*agreement)
		resume bool
		first  bool
		want   string
	}{
		"as expected":          {},
		"version":              {got: func(a *agreement) { a.version = tls.VersionTLS12 }, want: "agreed on TLS 1.2, not TLS 1.3"},
		"cipher":               {got: func(a *agreement) { a.cipher = tls.TLS_AES_256_GCM_SHA384 }, want: "agreed on TLS_AES_256_GCM_SHA384, not TLS_AES_128_GCM_SHA256"},
		"group":                {got: func(a *agreement) { a.group = tls.X25519MLKEM768 }, want: "agreed on X25519MLKEM768, not X25519"},
		"signer":               {got: func(a *agreement) { a.signer = x509.RSA }, want: "server's certificate is RSA, not ECDSA"},
		"resumed unasked":      {got: func(a *agreement) { a.resumed = true }, want: "session was resumed"},
		"resumed":              {got: func(a *agreement) { a.resumed = true }, resume: true},
		"not resumed":          {resume: true, want: "session was not resumed"},
		"first to be resumed":  {resume: true, first: true},
		"resumed at the first": {got: func(a *agreement) { a.resumed = true }, resume: true, first: true},
	}
	for name, test := range tests {
		got, want := good, expected
		if test.got != nil {
			test.got(&got)
		}
		want.Resume = test.resume
		text := ""
		if err := want.check(got, test.first); err != nil {
			text = err.Error()
		}
		if text != test.want {
			t.Errorf("%s: got %q, want %q", name, text, test.want)
		}
		if err := (&Security{Resume: got.resumed}).check(got, false); err != nil {
			t.Errorf("%s: nothing is expected, and yet: %s", name, err)
		}
	}
}

func TestParseSource(t *testing.T) {
	t.Parallel()
	four, six := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("::1")
	tests := map[string]struct {
		want Source
		err  string
	}{
		"10.0.0.1":           {want: Source{Address: four}},
		"10.0.0.1:5000-5010": {want: Source{four, 5000, 5010}},
		"10.0.0.1:5000":      {want: Source{four, 5000, 5000}},
		":1-65535":           {want: Source{First: 1, Last: 65535}},
		"::1":                {want: Source{Address: six}},
		"[::1]:7-8":          {want: Source{six, 7, 8}},
		"elsewhere":          {err: "want ADDRESS"},
		"elsewhere:1-2":      {err: "unable to parse IP"},
		":0-5":               {err: "no range"},
		":6-5":               {err: "no range"},
		":x-5":               {err: `port "x"`},
		":5-65536":           {err: `port "65536"`},
		":5-":                {err: `port ""`},
	}
	for text, test := range tests {
		got, err := ParseSource(text)
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%s: got %v, want %s", text, err, test.err)
			}
			continue
		}
		if diff := cmp.Diff(test.want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", text, err, diff)
		}
	}
}

func TestSpread(t *testing.T) {
	t.Parallel()
	p := &ports{spread: 3}
	seen := make(map[netip.Addr]int)
	for range 9 {
		seen[p.from(netip.AddrPort{})]++
	}
	want := map[netip.Addr]int{
		netip.MustParseAddr("127.0.0.1"): 3,
		netip.MustParseAddr("127.0.0.2"): 3,
		netip.MustParseAddr("127.0.0.3"): 3,
	}
	if diff := cmp.Diff(want, seen, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
}

func TestIsServerHello(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		b    []byte
		want bool
	}{
		"nothing":      {nil, false},
		"server hello": {[]byte{22, 3, 3, 0, 90, 2}, true},
		"alert":        {[]byte{21, 3, 3, 0, 2, 2, 40}, false},
		"client hello": {[]byte{22, 3, 1, 0, 90, 1}, false},
	}
	for name, test := range tests {
		if got := isServerHello(test.b); got != test.want {
			t.Errorf("%s: got %t, want %t", name, got, test.want)
		}
	}
}
