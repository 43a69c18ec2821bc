package certs

import (
	"testing"

	"sallyport/internal/testpki"
)

// TestClientEqual: what a server would see differently is different, however it was read, and nothing else is.
func TestClientEqual(t *testing.T) {
	b := bench{t: t, dir: t.TempDir(), ca: testpki.New(t)}
	mid := b.ca.Intermediate(t, "mid", testpki.Options{})
	leaf := mid.Client(t, "client")
	ca := b.file("ca.crt", b.ca.PEM())
	load := func(chain ...[]byte) *Credentials {
		f := Files{Purpose: ForClient, Certificates: []string{b.file("client.crt", chain...)}, Keys: []string{b.file("client.key", leaf.KeyPEM(t))}, TrustedCA: ca}
		return mustLoad(t, f)
	}
	client := func(c *Credentials) Client {
		return Client{ServerName: "a.example.com", Trust: c.Trust, Certificates: c.Certificates}
	}
	whole := load(leaf.CertPEM())
	bare := load((&testpki.Leaf{Chain: leaf.Chain[:1]}).CertPEM())
	for _, tt := range []struct {
		name string
		a, b Client
		want bool
	}{
		{"read again", client(whole), client(load(leaf.CertPEM())), true},
		{"intermediate added", client(bare), client(whole), false},
		{"other name", client(whole), Client{ServerName: "b.example.com", Trust: whole.Trust, Certificates: whole.Certificates}, false},
		{"no trust", client(whole), Client{ServerName: "a.example.com", Certificates: whole.Certificates}, false},
		{"no certificate", client(whole), Client{ServerName: "a.example.com", Trust: whole.Trust}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.a.Equal(tt.b); got != tt.want {
				t.Errorf("equal: %v, want %v", got, tt.want)
			}
		})
	}
}
