package proxy

import (
	"context"
	"log/slog"
	"net"
	"testing"

	"sallyport/internal/testpki"
	"sallyport/policy"
	"sallyport/proxy/upstream"
)

// memoryDialer reaches a server in memory.
type memoryDialer func(net.Conn)

func (serve memoryDialer) DialContext(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	go func() {
		defer far.Close()
		serve(far)
	}()
	return near, nil
}

// answerOnce sends back one message and closes: in memory nobody can end only one direction.
func answerOnce(conn net.Conn) {
	b := make([]byte, 100)
	n, _ := conn.Read(b)
	conn.Write(b[:n])
}

// newMemoryRig returns a rig without sockets, for a bubble with a fake clock. It needs no start.
func newMemoryRig(t testing.TB, serve func(net.Conn)) *rig {
	r := &rig{TB: t, ca: testpki.New(t), log: make(logbook, 10000), gate: policy.Gate{Policy: everybody}}
	r.endpoint = &upstream.Endpoint{Network: "unix", Address: "memory"}
	r.target = &Target{Group: newGroup(), Dialer: &upstream.Dialer{Unbound: memoryDialer(serve)}}
	r.port = &Port{
		Application: "app", ID: "port", Front: testFront{},
		Upstream: func(string) *Target { return r.target },
	}
	r.limits = Limits{MaxConnections: 1000, Lane: NewLane(1, 0)}
	r.server = NewServer(slog.New(slog.NewJSONHandler(r.log, nil)), 0)
	t.Cleanup(func() { r.server.Drain(context.Background()) })
	return r
}

// dialMemory begins a session and returns the client's end.
func (r *rig) dialMemory() net.Conn {
	if r.server.current.Load() == nil {
		r.server.Swap(r.generation(7))
	}
	near, far := net.Pipe()
	r.server.begin("key", near)
	r.Cleanup(func() { far.Close() })
	return far
}
