package proxy

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/testpki"
	"sallyport/policy"
	"sallyport/proxy/upstream"
)

// patient is how long a test waits for what must happen; it is not a measure of anything.
const patient = 20 * time.Second

// rig is a server with one port in front of one upstream. Set its fields, then start it.
type rig struct {
	testing.TB
	ca          *testpki.CA
	port        *Port
	target      *Target
	endpoint    *upstream.Endpoint // of the target
	limits      Limits
	dialTimeout time.Duration
	gate        policy.Gate
	pipes       int
	network     string // of the port: tcp or unix
	server      *Server
	listener    net.Listener // of the port
	address     net.Addr
	log         logbook
	handler     slog.Handler   // of the log; nil: records go to log
	over        chan struct{}  // closed at the end of the test
	servers     []net.Listener // upstreams
	answers     sync.WaitGroup // of upstreams
}

// newRig returns a plaintext port without limits whose upstream is serve on TCP.
func newRig(t testing.TB, serve func(net.Conn)) *rig {
	r := &rig{TB: t, ca: testpki.New(t), network: "tcp", pipes: 16, log: make(logbook, 10000), gate: policy.Gate{Policy: everybody}, over: make(chan struct{})}
	r.endpoint = new(upstream.Endpoint)
	r.target = &Target{Group: newGroup(), Dialer: &upstream.Dialer{Net: &net.Dialer{KeepAlive: -1}, Resolver: upstream.NewResolver(net.DefaultResolver)}}
	r.port = &Port{
		Application: "app", ID: "port", Front: testFront{},
		Upstream: func(string) *Target { return r.target },
	}
	r.limits = Limits{MaxConnections: 1000, Lane: NewLane(2, 0), HandshakeTimeout: patient}
	r.dialTimeout = patient
	r.serveOn("tcp", nil, serve)
	return r
}

// secure makes the port one for TLS of this version (0: any).
func (r *rig) secure(version uint16) *rig {
	r.port.Mode = Secure
	r.port.TLS = r.ca.ServerConfig(r, "localhost")
	r.port.TLS.ClientCAs = r.ca.Pool()
	r.port.TLS.DynamicRecordSizingDisabled = true
	if version != 0 {
		r.port.TLS.MinVersion, r.port.TLS.MaxVersion = version, version
	}
	return r
}

// serveOn makes serve the upstream, over TLS if there is a configuration for it.
func (r *rig) serveOn(network string, config *tls.Config, serve func(net.Conn)) {
	l := listen(r, network)
	r.endpoint.Network, r.endpoint.Address = network, l.Addr().String()
	if config != nil {
		r.endpoint.TLS = r.ca.ClientConfig("localhost", nil)
		r.endpoint.TLS.DynamicRecordSizingDisabled = true
	}
	r.answers.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			r.answers.Go(func() {
				defer conn.Close()
				if config == nil {
					serve(conn)
				} else {
					serve(tls.Server(conn, config))
				}
			})
		}
	})
	r.servers = append(r.servers, l)
}

// serveTLS makes serve an upstream that speaks TLS.
func (r *rig) serveTLS(serve func(net.Conn)) {
	r.serveOn("tcp", r.ca.ServerConfig(r, "localhost"), serve)
}

func listen(t testing.TB, network string) net.Listener {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(shortDir(t), "s")
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// shortDir is a directory whose path leaves room in a UNIX address.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sp")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// source is a listening socket as a Server takes it.
type source struct{ net.Listener }

func (source) Key() string { return "key" }

// start opens the port. The end of the test waits until every session is over.
func (r *rig) start() *rig {
	l := listen(r, r.network)
	r.listener, r.address = l, l.Addr()
	if r.handler == nil {
		r.handler = slog.NewJSONHandler(r.log, nil)
	}
	r.server = NewServer(slog.New(r.handler), r.pipes)
	r.server.Swap(r.generation(7))
	var serving sync.WaitGroup
	serving.Go(func() { r.server.Serve(source{l}) })
	r.Cleanup(func() {
		r.end()
		for _, l := range append(r.servers, l) {
			l.Close()
		}
		serving.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), patient)
		defer cancel()
		if cut, err := r.server.Drain(ctx); err != nil {
			r.Errorf("%d sessions did not end by themselves: %v", cut, err)
		}
		r.answers.Wait()
	})
	return r
}

// newGroup returns a group without endpoints, which are never asked how they are.
func newGroup() *upstream.Group { return upstream.NewGroup("app", slog.New(slog.DiscardHandler), nil) }

// configure makes an endpoint the only one of a target.
func (r *rig) configure(target *Target, e *upstream.Endpoint) {
	target.Group.Configure(&upstream.Settings{
		Endpoints:   []*upstream.Endpoint{e},
		DialTimeout: r.dialTimeout,
		Health:      upstream.Health{Interval: time.Second, Rise: 1, Fall: 3},
	})
}

// generation returns the state that the rig's fields describe.
func (r *rig) generation(number uint64) *Generation {
	gate := r.gate
	r.configure(r.target, r.endpoint)
	return &Generation{Number: number, Ports: map[string]*Port{"key": r.port}, Limits: r.limits, Gate: &gate}
}

// end lets go of everything that waits for the end of the test.
func (r *rig) end() {
	select {
	case <-r.over:
	default:
		close(r.over)
	}
}

// wantSame compares.
func wantSame(t testing.TB, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// dial connects to the port. The connection fails, rather than hangs, after a long time.
func (r *rig) dial() net.Conn {
	r.Helper()
	conn, err := net.Dial(r.address.Network(), r.address.String())
	if err != nil {
		r.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(patient))
	r.Cleanup(func() { conn.Close() })
	return conn
}

func (r *rig) clientConfig() *tls.Config { return r.ca.ClientConfig("localhost", nil) }

// dialTLS connects to the port and shakes hands; a nil config trusts the rig's CA.
func (r *rig) dialTLS(config *tls.Config) *tls.Conn {
	r.Helper()
	return r.overTLS(r.dial(), config)
}

func (r *rig) overTLS(raw net.Conn, config *tls.Config) *tls.Conn {
	r.Helper()
	if config == nil {
		config = r.clientConfig()
	}
	conn := tls.Client(raw, config)
	if err := conn.Handshake(); err != nil {
		r.Fatal(err)
	}
	return conn
}

// tryTLS shakes hands, waits for what the server says of it, and closes.
func (r *rig) tryTLS(config *tls.Config) error {
	r.Helper()
	raw := r.dial()
	defer raw.Close()
	conn := tls.Client(raw, config)
	if err := conn.Handshake(); err != nil {
		return err
	}
	endErr := conn.CloseWrite()
	_, err := io.Copy(io.Discard, conn)
	return errors.Join(endErr, err) // the system tells whoever asks first
}

// connect dials as the port demands it.
func (r *rig) connect() net.Conn {
	r.Helper()
	if r.port.TLS != nil {
		return r.dialTLS(nil)
	}
	return r.dial()
}

// logbook takes log records, decoded.
type logbook chan map[string]any

func (l logbook) Write(line []byte) (int, error) {
	var record map[string]any
	if err := json.Unmarshal(line, &record); err != nil {
		return 0, err
	}
	l <- record
	return len(line), nil
}

// record waits for the next session record.
func (r *rig) record() map[string]any {
	r.Helper()
	select {
	case record := <-r.log:
		return record
	case <-time.After(patient):
		r.Fatal("no log record")
		return nil
	}
}

// wantRecord waits for the next record and compares some of its attributes, given as key and value in turn.
func (r *rig) wantRecord(pairs ...any) map[string]any {
	r.Helper()
	record := r.record()
	for i := 0; i < len(pairs); i += 2 {
		key, want := pairs[i].(string), pairs[i+1]
		switch w := want.(type) {
		case int:
			want = float64(w)
		case policy.Reason:
			want = string(w)
		case Side:
			want = string(w)
		}
		if got := record[key]; got != want {
			r.Errorf("%s is %v, want %v, in %v", key, got, want, record)
		}
	}
	return record
}

// wantNoRecord fails if there is one more record. Call it when all sessions are over.
func (r *rig) wantNoRecord() {
	r.Helper()
	select {
	case record := <-r.log:
		r.Errorf("one record too many: %v", record)
	default:
	}
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patient); !condition(); {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
		pause()
	}
}

// pause gives others a moment to run.
func pause() { <-time.After(time.Millisecond) }

// counter counts what somebody does.
type counter struct{ atomic.Int64 }

// waitUntilSteady waits until the number stands still for a while. If it is taken for standing still
// too early, a test only looks less closely.
func (c *counter) waitUntilSteady() {
	for last := int64(-1); last != c.Load(); {
		last = c.Load()
		<-time.After(200 * time.Millisecond)
	}
}

// testFront is a way in of two functions; a missing one does what a port without wishes does.
type testFront struct {
	origin func(net.Conn) (net.Conn, policy.Origin, error)
	detect func(net.Conn) (net.Conn, bool, error)
}

func (f testFront) Origin(conn net.Conn) (net.Conn, policy.Origin, error) {
	if f.origin != nil {
		return f.origin(conn)
	}
	return conn, policy.Origin{Source: addrPort(conn.RemoteAddr()), Destination: addrPort(conn.LocalAddr()), Peer: addrPort(conn.RemoteAddr())}, nil
}

func (f testFront) Detect(conn net.Conn) (net.Conn, bool, error) { return f.detect(conn) }

// decide is a policy of one function.
type decide func(*policy.Facts) policy.Decision

func (d decide) Decide(f *policy.Facts) policy.Decision       { return d(f) }
func (d decide) Alternatives(*policy.Facts) []policy.Decision { return nil }
func (d decide) Terms(*policy.Facts) policy.Terms             { return policy.Terms{} }

// everybody is a policy that allows everything.
var everybody = decide(func(*policy.Facts) policy.Decision {
	return policy.Decision{Verdict: policy.Allow, Reason: policy.Allowed}
})

// halfClose ends what a client or server sends.
func halfClose(conn net.Conn) error {
	return conn.(interface{ CloseWrite() error }).CloseWrite()
}

// bareSocket returns what is under TLS, if there is TLS.
func bareSocket(conn net.Conn) net.Conn {
	if t, ok := conn.(*tls.Conn); ok {
		return t.NetConn()
	}
	return conn
}

// abort closes a connection with a reset, TLS or not.
func abort(conn net.Conn) { resetConn(bareSocket(conn)) }

// echo sends back what it gets, and ends when its client does.
func echo(conn net.Conn) {
	io.Copy(conn, conn)
	halfClose(conn)
}

// silence reads until the client is gone and says nothing.
func silence(conn net.Conn) { io.Copy(io.Discard, conn) }

func isReset(err error) bool {
	return err != nil && reasonOfEnd(err) == policy.Reset && !errors.Is(err, io.EOF)
}
