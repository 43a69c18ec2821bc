package load

import (
	"crypto/tls"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sallyport/internal/testpki"
)

// The certificate of each session is looked at, however often another one was good.
func TestServerChangesItsCertificate(t *testing.T) {
	t.Parallel()
	ca := testpki.New(t)
	const day = 24 * time.Hour
	owner := ca.Server(t, serverName)
	good, renewed := owner.TLS(), ca.Server(t, serverName).TLS()
	bad, other := testpki.New(t).Server(t, serverName).TLS(), ca.Server(t, "other.example.com").TLS()
	expired := ca.Issue(t, testpki.Options{Names: []string{serverName}, NotAfter: time.Now().Add(-day)}).TLS()
	stolen := tls.Certificate{Certificate: good.Certificate, PrivateKey: ca.Server(t, serverName).Key}
	child := (&testpki.CA{Certificate: owner.Certificate, Key: owner.Key}).Server(t, serverName).TLS() // signed with the trusted one, which is no CA
	var served atomic.Pointer[tls.Certificate]
	config := ca.ServerConfig(t, serverName)
	config.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return served.Load(), nil }
	config.Certificates = nil
	s := serve(t, config, nil)
	job := Job{Kind: Sessions, Address: s.address, Security: expecting(t, ca), Connections: 1, Message: 8}
	d, err := job.dialer(newTally())
	if err != nil {
		t.Fatal(err)
	}
	p := d.place()
	for _, step := range []struct {
		name   string
		served *tls.Certificate
		want   string
	}{
		{"of another CA", &bad, "unknown authority"},
		{"good", &good, ""},
		{"the same", &good, ""},
		{"of another CA, later", &bad, "unknown authority"},
		{"signed by the good one", &child, "unknown authority"},
		{"another name", &other, "not " + serverName},
		{"expired", &expired, "expired or is not yet valid"},
		{"without its key", &stolen, "invalid signature"},
		{"renewed", &renewed, ""},
		{"good again", &good, ""},
	} {
		served.Store(step.served)
		conn, err := p.connect(t.Context())
		t.Log(step.name)
		checkError(t, err, step.want)
		if err == nil {
			conn.Close()
		}
	}
}

func TestServerNameIsWanted(t *testing.T) {
	t.Parallel()
	_, err := (&Security{}).config()
	checkError(t, err, "server name: none is given")
}

// checkError wants an error with a text in it, or none.
func checkError(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("error %v, want none", err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("error %v, want one with %q", err, want)
	}
}
