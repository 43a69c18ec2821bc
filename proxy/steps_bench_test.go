//go:build unix

package proxy

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"sallyport/policy"
	"sallyport/proxy/upstream"
)

// What the steps of one session cost. Compare two versions of the program with
//
//	go test ./proxy -run '^$' -bench 'Judge|Lane|Supersede|Record|Watch|Dial' -count 10 >new.txt
//	go run golang.org/x/perf/cmd/benchstat@latest old.txt new.txt

// benchmarkSession returns a session that has everything but connections.
func benchmarkSession(out io.Writer) *session {
	server := NewServer(slog.New(slog.NewJSONHandler(out, nil)), 0)
	gen := &Generation{Number: 7, Limits: Limits{MaxConnections: 1, IdleTimeout: time.Hour, DeadPeerTimeout: time.Minute}, Gate: &policy.Gate{Policy: everybody}}
	server.Swap(gen)
	source := netip.MustParseAddrPort("10.2.0.5:20001")
	return &session{
		server: server,
		gen:    gen,
		port:   &Port{Application: "app", ID: "port", Mode: Secure},
		id:     "00000000-1",
		begun:  time.Now(),
		origin: policy.Origin{Source: source, Peer: source, Destination: netip.MustParseAddrPort("10.2.0.1:2021")},
		facts:  policy.Facts{Application: "app", Port: "port", Source: source, Peer: source, TLS: true},
	}
}

// BenchmarkJudge is both judgements; what the policy itself takes is for the benchmarks there.
func BenchmarkJudge(b *testing.B) {
	s := benchmarkSession(io.Discard)
	s.record.state = &tls.ConnectionState{ServerName: "localhost"}
	b.ReportAllocs()
	for b.Loop() {
		s.visit = policy.Visit{}
		for _, moment := range []policy.Moment{policy.Early, policy.Final} {
			if err := s.judge(moment); err != nil {
				b.Fatal(err)
			}
		}
		s.visit.Leave()
	}
}

// BenchmarkLane is one place in the lane, and the goroutine of a handshake.
func BenchmarkLane(b *testing.B) {
	lane := NewLane(1, 1)
	done := make(chan struct{})
	handshake := func() { done <- struct{}{} }
	b.ReportAllocs()
	for b.Loop() {
		if err := lane.enter(noDeadline); err != nil {
			b.Fatal(err)
		}
		lane.handshake(handshake)
		<-done
		lane.leave()
	}
	b.StopTimer()
	for len(lane.crew.kept) > 0 { // until nobody waits for work
		pause()
	}
}

// BenchmarkSupersede is what a session takes and gives back under the server's lock, among as many others.
func BenchmarkSupersede(b *testing.B) {
	s := benchmarkSession(io.Discard)
	const others = 10_000
	for i := range others {
		at, other := netip.AddrPortFrom(netip.MustParseAddr("10.3.0.1"), uint16(i+1)), new(session)
		s.server.tuples[tuple{"app", "port", at, s.origin.Destination}] = other
		s.server.sessions[other] = struct{}{}
	}
	s.gen.Limits.MaxConnections = others + 1
	b.ReportAllocs()
	for b.Loop() {
		if reason := s.server.admit(s); reason != "" {
			b.Fatal(reason)
		}
		s.server.supersede(s)
		s.server.ended(s)
	}
}

// BenchmarkRecord is the record of a session in TLS, as it leaves for the log.
func BenchmarkRecord(b *testing.B) {
	s := benchmarkSession(io.Discard)
	leaf := verifiedLeaf(fullSession().record.state)
	s.relay = new(relay)
	s.record = record{
		state:     &tls.ConnectionState{Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256, CurveID: tls.X25519, ServerName: "localhost"},
		mode:      "tls",
		served:    leaf,
		upstream:  "127.0.0.1:2020",
		local:     "127.0.0.1:33000",
		in:        128,
		out:       128,
		handshake: time.Millisecond,
		dial:      time.Millisecond,
		decision:  policy.Decision{Verdict: policy.Allow, Rule: "rule", Reason: policy.Allowed},
		end:       ending{side: Client, reason: policy.EndOfStream},
	}
	b.ReportAllocs()
	for b.Loop() {
		s.write()
	}
}

// BenchmarkWatch sets up what watches over a session, and takes it down.
func BenchmarkWatch(b *testing.B) {
	near, far := sockets(b)
	limits := &benchmarkSession(io.Discard).gen.Limits
	client, server := plainEnd(Client, near), plainEnd(Upstream, far)
	b.ReportAllocs()
	for b.Loop() {
		r := newRelay(client, server, nil, nil)
		p := startPulse(limits, client, server, r.park, func(Side) {})
		c := startClock(limits, time.Now(), p, r.quietFor, func(policy.Reason) {})
		c.touch()
		c.stop()
	}
}

// BenchmarkDial connects to a server that hangs up.
func BenchmarkDial(b *testing.B) {
	l := listen(b, "tcp")
	over := make(chan struct{})
	go func() {
		defer close(over)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	defer func() { l.Close(); <-over }()
	dialer := &upstream.Dialer{Net: &net.Dialer{KeepAlive: -1}, Resolver: upstream.NewResolver(net.DefaultResolver)}
	e := &upstream.Endpoint{Network: "tcp", Address: l.Addr().String()}
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	b.ReportAllocs()
	for b.Loop() {
		conn, err := dialer.DialInTurn(ctx, e, patient, nil)
		if err != nil {
			b.Fatal(err)
		}
		conn.Close()
	}
}
