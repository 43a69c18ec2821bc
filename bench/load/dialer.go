package load

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// dialer connects to the port under test and checks what it agreed on. Safe for concurrent use.
type dialer struct {
	job    Job
	target netip.AddrPort // the job's address, resolved once
	tls    *tls.Config    // nil: plaintext
	tally  *tally
	source *ports // nil: the system chooses
	slow   bool   // the connections are of those that read slowly
}

// patience bounds every step of a client: whoever takes longer has failed.
const patience = 20 * time.Second

func (j Job) dialer(t *tally) (*dialer, error) {
	target, err := net.ResolveTCPAddr("tcp", j.Address)
	if err != nil {
		return nil, fmt.Errorf("address: %w", err)
	}
	d := &dialer{job: j, target: unmapped(target.AddrPort()), tally: t, source: j.ports()}
	if j.Security == nil {
		return d, nil
	}
	d.tls, err = j.Security.config()
	return d, err
}

// unmapped is the address as a socket of its family wants it.
func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// place is where one connection after the other is made. It has a session cache of its own, so that a resumed session follows
// the session that gave its ticket. Not for concurrent use.
type place struct {
	*dialer
	tls    *tls.Config
	made   int
	leaf   *x509.Certificate // of the first session, verified
	answer answer
}

func (d *dialer) place() *place {
	p := &place{dialer: d, tls: d.tls}
	if d.tls != nil && d.job.Security.Resume {
		p.tls = d.tls.Clone()
		p.tls.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	}
	return p
}

// connect returns a connection that is ready for payload, and with it everything is as the job expects. It has a deadline.
func (p *place) connect(ctx context.Context) (net.Conn, error) {
	conn, err := p.dial(ctx)
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(patience))
	if p.tls == nil {
		return conn, nil
	}
	if p.made == 1 && p.leaf != nil { // more than one session is made here
		p.tls, p.leaf = trusting(p.tls, p.leaf), nil
	}
	secure := tls.Client(p.through(conn), p.tls)
	if err := p.handshake(ctx, secure); err != nil {
		conn.Close()
		return nil, err
	}
	return secure, nil
}

// through is what TLS stands on: large transfers get large buffers.
func (d *dialer) through(conn net.Conn) net.Conn {
	switch d.job.Kind {
	case Down, Up, Slow:
		if !d.slow {
			return newWide(conn)
		}
	}
	return conn
}

func (p *place) handshake(ctx context.Context, secure *tls.Conn) error {
	if err := secure.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("handshake: %w", withoutAddresses(err))
	}
	state := secure.ConnectionState()
	got := agreement{
		version: state.Version,
		cipher:  state.CipherSuite,
		group:   state.CurveID,
		signer:  state.PeerCertificates[0].PublicKeyAlgorithm,
		resumed: state.DidResume,
	}
	p.tally.saw(got)
	if p.made++; p.made == 1 {
		p.leaf = state.PeerCertificates[0]
	}
	return p.job.Security.check(got, p.made == 1)
}

func (d *dialer) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	dialer := net.Dialer{KeepAlive: -1}
	dialer.SetMultipathTCP(false)
	dialer.Control = func(_, _ string, raw syscall.RawConn) error { return d.prepare(raw) }
	conn, err := d.source.dial(ctx, &dialer, d.target)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", withoutAddresses(err))
	}
	return conn, nil
}

// prepare sets the options of a socket that is about to be bound and connected.
func (d *dialer) prepare(raw syscall.RawConn) error {
	if d.slow {
		if err := narrow(raw); err != nil {
			return err
		}
	}
	return d.source.prepare(raw)
}

// withoutAddresses makes one text of errors that differ only in a port, so that they can be counted.
func withoutAddresses(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}
