package certs

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"

	"sallyport/internal/testpki"
)

func TestSelect(t *testing.T) {
	own := new(Credentials)
	s := Server{Default: new(Credentials), Names: []Named{
		{Names: []string{"*.example.com"}, Credentials: own},
		{Names: []string{"cs.example.com", "CS2.Example.com."}},
		{Names: []string{"*.cti.example.com", "cs.example.com"}, Credentials: own},
		{Names: []string{"*", "", "*.", "x*.example.org"}, Credentials: own},
	}}
	for _, tt := range []struct {
		name string
		want int
	}{
		{"", -1},
		{".", -1},
		{"example.com", -1},
		{".example.com", -1},
		{"a.example.com", 0},
		{"a.b.example.com", -1},
		{"A.EXAMPLE.COM.", 0},
		{"cs.example.com", 1},
		{"Cs.Example.com.", 1},
		{"cs2.example.com", 1},
		{"cs3.example.com", 0},
		{"cti.example.com", 0},
		{"a.cti.example.com", 2},
		{"aexample.com", -1},
		{"xa.example.org", -1},
		{"other.org", -1},
		{"a.e\u212Aample.com", -1},
	} {
		got, credentials := s.Selector().Select(tt.name)
		if got != tt.want {
			t.Errorf("Select(%q) = %d, want %d", tt.name, got, tt.want)
		}
		want := s.Default
		if got >= 0 && s.Names[got].Credentials != nil {
			want = own
		}
		if credentials != want {
			t.Errorf("Select(%q) returned other credentials", tt.name)
		}
	}
	if i, _ := (Server{Names: []Named{{Names: []string{"k.example"}}}}).Selector().Select("\u212A.example"); i != -1 {
		t.Error("a Kelvin sign is no k")
	}
}

func TestSelectAllocatesNothing(t *testing.T) {
	s := Server{Default: new(Credentials), Names: []Named{{Names: []string{"cs.example.com", "*.example.com"}}}}.Selector()
	for _, name := range []string{"CS.example.com", "a.example.com.", "none"} {
		if n := testing.AllocsPerRun(100, func() { s.Select(name) }); n != 0 {
			t.Errorf("Select(%q): %v allocations", name, n)
		}
	}
}

// referenceSelect says the rule as plainly as possible.
func referenceSelect(names [][]string, host string) int {
	fold := func(s string) string {
		return strings.Map(func(r rune) rune {
			if 'A' <= r && r <= 'Z' {
				r += 'a' - 'A'
			}
			return r
		}, strings.TrimSuffix(s, "."))
	}
	type candidate struct{ rank, index int }
	best := candidate{-1, -1}
	for i, list := range names {
		for _, name := range list {
			rank := -1
			if name = fold(name); name != "" && name[0] != '*' && name == fold(host) {
				rank = 2
			} else if rest, ok := strings.CutPrefix(name, "*."); ok && rest != "" {
				if label, parent, _ := strings.Cut(fold(host), "."); label != "" && parent == rest {
					rank = 1
				}
			}
			if rank > best.rank {
				best = candidate{rank, i}
			}
		}
	}
	return best.index
}

func FuzzSelect(f *testing.F) {
	f.Add("cs.example.com *.example.com|*.cti.example.com", "a.cti.example.com")
	f.Add("*.a|*.b.a|b.a", "x.B.a.")
	f.Add("* *. . *.*.a", "..a")
	f.Fuzz(func(t *testing.T, list, host string) {
		if list != strings.ToValidUTF8(list, "") || host != strings.ToValidUTF8(host, "") {
			return // the reference maps runes
		}
		var names [][]string
		var s Server
		for entry := range strings.SplitSeq(list, "|") {
			names = append(names, strings.Fields(entry))
			s.Names = append(s.Names, Named{Names: strings.Fields(entry)})
		}
		if got, _ := s.Selector().Select(host); got != referenceSelect(names, host) {
			t.Errorf("Select(%q) of %q = %d, want %d", host, names, got, referenceSelect(names, host))
		}
	})
}

func TestServedCertificate(t *testing.T) {
	ca := testpki.New(t)
	load := func(leaves ...*testpki.Leaf) *Credentials {
		b := bench{t: t, dir: t.TempDir()}
		var f Files
		for i, leaf := range leaves {
			cert, key := leaf.Write(t, b.dir, string(rune('a'+i)))
			f.Certificates, f.Keys = append(f.Certificates, cert), append(f.Keys, key)
		}
		return mustLoad(t, f)
	}
	ec, rsa := ca.Server(t, "a.example.com"), ca.Issue(t, testpki.Options{Names: []string{"a.example.com"}, RSA: true})
	named := ca.Server(t, "b.example.com")
	second := ca.Server(t, "a2.example.com")
	s := Server{Default: load(rsa, ec, second), Profile: Legacy, Names: []Named{
		{Names: []string{"b.example.com"}, Credentials: load(named)},
		{Names: []string{"c.example.com"}},
	}}
	ecdsaOnly := []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
	rsaOnly := []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	for _, tt := range []struct {
		name   string
		server string
		suites []uint16
		max    uint16
		want   *testpki.Leaf
	}{
		{"ECDSA for those who can", "a.example.com", nil, 0, ec},
		{"RSA for the others", "a.example.com", rsaOnly, tls.VersionTLS12, rsa},
		{"ECDSA only", "a.example.com", ecdsaOnly, tls.VersionTLS12, ec},
		{"by name among the same kind", "a2.example.com", nil, 0, second},
		{"by name", "b.example.com", nil, 0, named},
		{"entry without a certificate", "c.example.com", nil, 0, ec},
		{"unknown name, RSA only", "unknown.example.com", rsaOnly, tls.VersionTLS12, rsa},
		{"TLS 1.0", "a.example.com", nil, tls.VersionTLS10, ec},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client := ca.ClientConfig(tt.server, nil)
			client.CipherSuites, client.MaxVersion, client.MinVersion = tt.suites, tt.max, tls.VersionTLS10
			o := shake(t, new(Resumption).Server("p", s), client)
			if o.served == nil || !o.served.Equal(tt.want.Certificate) {
				t.Fatalf("served %v, want %v", o.served, tt.want.Certificate.DNSNames)
			}
			if wantErr := !slices.Contains(tt.want.Certificate.DNSNames, tt.server); (o.clientErr != nil) != wantErr {
				t.Errorf("client: %v", o.clientErr)
			}
		})
	}
	if o := shake(t, new(Resumption).Server("p", Server{}), ca.ClientConfig("a", nil)); o.serverErr == nil {
		t.Error("a server without a certificate made a handshake")
	}
}
