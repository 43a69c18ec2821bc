package load

import (
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/testpki"
)

func TestResumedSessions(t *testing.T) {
	t.Parallel()
	job := Job{Kind: Sessions, Connections: 2, Message: 8, Duration: 50 * time.Millisecond}
	t.Run("all but the first", func(t *testing.T) {
		t.Parallel()
		s, security := secureServer(t, nil)
		job := job
		security.Resume = true
		job.Address, job.Security = s.address, security
		result := checkWork(t, s, job)
		want := map[string]int{
			"TLS 1.3 TLS_AES_128_GCM_SHA256 X25519 ECDSA resumed=false": 2,
			"TLS 1.3 TLS_AES_128_GCM_SHA256 X25519 ECDSA resumed=true":  int(result.Units),
		}
		if diff := cmp.Diff(want, result.Seen); diff != "" {
			t.Errorf("agreed on (-want +got):\n%s", diff)
		}
	})
	t.Run("a server without tickets", func(t *testing.T) {
		t.Parallel()
		ca := testpki.New(t)
		config := ca.ServerConfig(t, serverName)
		config.SessionTicketsDisabled = true
		job := job
		job.Address, job.Security = serve(t, config, nil).address, expecting(t, ca)
		job.Security.Resume = true
		result, err := carriedOut(t, job)
		if err != nil {
			t.Fatal(err)
		}
		if result.Units != 0 || result.Failures["session was not resumed"] == 0 {
			t.Errorf("%v sessions, failures %v", result.Units, result.Failures)
		}
	})
}

// A failure is followed by a pause: how often a job fails is bounded by how long it runs, not by how fast the machine is.
func TestFailuresDoNotLoopHot(t *testing.T) {
	t.Parallel()
	var accepted atomic.Int32
	s := serve(t, nil, func(conn net.Conn) net.Conn {
		if accepted.Add(1) > 1 {
			conn.Close()
		}
		return conn
	})
	start := time.Now()
	result, err := carriedOut(t, Job{Kind: Sessions, Address: s.address, Connections: 1, Message: 8, Duration: 120 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	failures := 0
	for _, n := range result.Failures {
		failures += n
	}
	if most := 1 + int(time.Since(start)/(50*time.Millisecond)); failures == 0 || failures > most {
		t.Errorf("%d failures, want 1 to %d: %v", failures, most, result.Failures)
	}
}

func TestStranger(t *testing.T) {
	t.Parallel()
	ca := testpki.New(t)
	address := greeter(t, ca.ServerConfig(t, serverName), "220 ready\r\n", "250 ok\r\n")
	tests := map[string]struct {
		say, expect string
		resume      bool
		err         string
	}{
		"handshake only":           {},
		"resumed":                  {resume: true},
		"a greeting":               {expect: "220 "},
		"a greeting and an answer": {say: "hello\n", expect: "220 ready\r\n250 ok"},
		"another greeting":         {expect: "221 ", err: "wrong bytes came back"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			security := expecting(t, ca)
			security.Version, security.Cipher, security.Group, security.Signer = 0, 0, 0, ""
			security.Resume = test.resume
			result, err := carriedOut(t, Job{
				Kind: Sessions, Address: address, Security: security, Connections: 1, Duration: 30 * time.Millisecond,
				Plain: true, Say: test.say, Expect: test.expect,
			})
			switch {
			case test.err != "":
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("got %v, want %s", err, test.err)
				}
			case err != nil:
				t.Error(err)
			case result.Units == 0 || len(result.Failures) > 0:
				t.Errorf("%v sessions, failures %v", result.Units, result.Failures)
			}
		})
	}
}

// greeter says something at once, and something else once it is spoken to.
func greeter(t *testing.T, config *tls.Config, greeting, answer string) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				io.WriteString(conn, greeting)
				if n, _ := conn.Read(make([]byte, 100)); n > 0 {
					io.WriteString(conn, answer)
				}
				io.Copy(io.Discard, conn)
			}()
		}
	}()
	return l.Addr().String()
}

func TestSourcePorts(t *testing.T) {
	t.Parallel()
	first := freeRange(t, 3)
	source := Source{Address: netip.MustParseAddr("127.0.0.1"), First: first, Last: first + 2}
	want := []uint16{first, first + 1, first + 2}
	for _, secure := range []bool{false, true} { // one after the other: closing gives the ports back
		var s *server
		job := Job{Kind: Exchange, Connections: 3, Message: 8, Duration: 10 * time.Millisecond, Source: source}
		if s = serve(t, nil, nil); secure {
			s, job.Security = secureServer(t, nil)
		}
		job.Address = s.address
		checkWork(t, s, job)
		if diff := cmp.Diff(want, portsOf(s.from())); diff != "" {
			t.Errorf("source ports, TLS %t (-want +got):\n%s", secure, diff)
		}
	}
}

func TestSourcePortsAreUsedAgain(t *testing.T) {
	t.Parallel()
	first := freeRange(t, 2)
	s, security := secureServer(t, nil)
	job := Job{
		Kind: Sessions, Address: s.address, Security: security, Connections: 2, Message: 8, Duration: 50 * time.Millisecond,
		Source: Source{First: first, Last: first + 1},
	}
	result := checkWork(t, s, job)
	if made := len(s.from()); made != 2+int(result.Units) {
		t.Errorf("%d connections for %v sessions after the first 2", made, result.Units)
	}
	if diff := cmp.Diff([]uint16{first, first + 1}, portsOf(s.from())); diff != "" {
		t.Errorf("source ports (-want +got):\n%s", diff)
	}
}

// portsOf are the ports, each once.
func portsOf(all []netip.AddrPort) []uint16 {
	var ports []uint16
	for _, a := range all {
		ports = append(ports, a.Port())
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// freeRange finds n ports in a row that nobody listens on, below those that the kernel chooses from.
func freeRange(t *testing.T, n uint16) uint16 {
	t.Helper()
	for first := uint16(23100 + 100*nextRange.Add(1)); first < 32000; first += n {
		free := true
		for port := first; port < first+n; port++ {
			l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)))
			if free = free && err == nil; err == nil {
				l.Close()
			}
		}
		if free {
			return first
		}
	}
	t.Fatal("no free ports")
	return 0
}

// nextRange keeps tests that run at the same time apart.
var nextRange atomic.Uint32
