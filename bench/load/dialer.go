package load

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"
)

// dialer connects to the port under test and checks what it agreed on. Safe for concurrent use.
type dialer struct {
	job    Job
	tls    *tls.Config // nil: plaintext
	tally  *tally
	source *ports // nil: the system chooses
}

// patience bounds every step of a client: whoever takes longer has failed.
const patience = 20 * time.Second

func (j Job) dialer(t *tally) (*dialer, error) {
	d := &dialer{job: j, tally: t, source: j.Source.ports()}
	if j.Security == nil {
		return d, nil
	}
	config, err := j.Security.config()
	d.tls = config
	return d, err
}

func (s *Security) config() (*tls.Config, error) {
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(s.CA)
	if err != nil {
		return nil, fmt.Errorf("ca: %w", err)
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("ca %s: no certificate in it", s.CA)
	}
	config := &tls.Config{RootCAs: roots, ServerName: s.ServerName, MinVersion: s.Version, MaxVersion: s.Version}
	if s.Group != 0 {
		config.CurvePreferences = []tls.CurveID{tls.CurveID(s.Group)}
	}
	if s.Cipher != 0 {
		config.CipherSuites = []uint16{s.Cipher} // counts up to TLS 1.2
	}
	if s.Certificate != "" {
		own, err := tls.LoadX509KeyPair(s.Certificate, s.Key)
		if err != nil {
			return nil, fmt.Errorf("client certificate: %w", err)
		}
		config.Certificates = []tls.Certificate{own}
	}
	return config, nil
}

// place is where one connection after the other is made. It has a session cache of its own, so that a resumed session follows
// the session that gave its ticket. Not for concurrent use.
type place struct {
	*dialer
	tls  *tls.Config
	made int
}

func (d *dialer) place() *place {
	p := &place{dialer: d}
	if d.tls != nil {
		p.tls = d.tls.Clone()
		if d.job.Security.Resume {
			p.tls.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		}
	}
	return p
}

// connect returns a connection that is ready for payload, and with it everything is as the job expects.
func (p *place) connect(ctx context.Context) (net.Conn, error) {
	conn, err := p.dial(ctx)
	if err != nil || p.tls == nil {
		return conn, err
	}
	conn.SetDeadline(time.Now().Add(patience))
	secure := tls.Client(conn, p.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("handshake: %w", err)
	}
	if err := p.check(secure.ConnectionState()); err != nil {
		conn.Close()
		return nil, err
	}
	return secure, nil
}

// check compares what was agreed on with what is expected, and counts it.
func (p *place) check(state tls.ConnectionState) error {
	want := p.job.Security
	signer := state.PeerCertificates[0].PublicKeyAlgorithm.String()
	first := p.made == 0
	p.made++
	p.tally.saw(fmt.Sprintf("%s %s %s %s resumed=%t", tls.VersionName(state.Version),
		tls.CipherSuiteName(state.CipherSuite), state.CurveID, signer, state.DidResume))
	switch {
	case state.Version != want.Version:
		return fmt.Errorf("agreed on %s, not %s", tls.VersionName(state.Version), tls.VersionName(want.Version))
	case want.Cipher != 0 && state.CipherSuite != want.Cipher:
		return fmt.Errorf("agreed on %s, not %s", tls.CipherSuiteName(state.CipherSuite), tls.CipherSuiteName(want.Cipher))
	case want.Group != 0 && uint16(state.CurveID) != want.Group:
		return fmt.Errorf("agreed on %s, not %s", state.CurveID, tls.CurveID(want.Group))
	case want.Signer != "" && signer != want.Signer:
		return fmt.Errorf("server's certificate is %s, not %s", signer, want.Signer)
	case want.Resume && !first && !state.DidResume:
		return errors.New("session was not resumed")
	case !want.Resume && state.DidResume:
		return errors.New("session was resumed")
	}
	return nil
}

func (p *place) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	dialer := net.Dialer{KeepAlive: -1}
	dialer.SetMultipathTCP(false)
	conn, err := p.source.dial(ctx, &dialer, p.job.Address)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", withoutAddresses(err))
	}
	return conn, nil
}

// withoutAddresses makes one text of errors that differ only in a port, so that they can be counted.
func withoutAddresses(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}

// ports lends source ports, each to one connection at a time. A nil ports leaves them to the system.
type ports struct {
	address netip.Addr
	free    chan uint16 // nil: any port of the address
}

func (s Source) ports() *ports {
	if s == (Source{}) {
		return nil
	}
	p := &ports{address: s.Address}
	if s.First != 0 {
		p.free = make(chan uint16, int(s.Last)-int(s.First)+1)
		for port := int(s.First); port <= int(s.Last); port++ {
			p.free <- uint16(port)
		}
	}
	return p
}
