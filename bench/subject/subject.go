// Package subject knows the proxies that are measured: how each is configured for the same task, started and stopped.
//
// All of them get one worker and no log unless the task asks for one, and whatever else their documentation says makes them fast.
package subject

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"syscall"
)

// Task is what a proxy is to do: take connections in one way and pass them on in plaintext.
type Task struct {
	Mode       Mode
	RSA        bool // the server's certificate has an RSA key of 2048 bits, otherwise an ECDSA one on P-256
	ClientAuth bool // clients have to show a certificate of the CA
	Hybrid     bool // the key exchange is X25519MLKEM768, otherwise X25519
	Buffers    int  // size of the proxy's buffers in bytes, where it can be chosen; 0: its default
	AccessLog  bool // a record for each session, to a file
	Reload     bool // Process.Reload is going to be called
	Processors int  // that it may use; 0: one

	// Only sallyport knows these; with them, the others cannot.
	Definitions int  // of clients in the policy; 0: no policy but to let loopback pass
	Limits      bool // on rates and connections, and a lock-out, all of which count and none of which refuses
}

// Mode is how a proxy takes connections.
type Mode string

const (
	Secure     Mode = "secure"
	Plaintext  Mode = "plaintext"
	AutoDetect Mode = "auto-detect"
)

// special says what a task asks for that no peer has.
func (t Task) special() (why string) {
	switch {
	case t.Mode == AutoDetect:
		return "has no ports for both TLS and plaintext that look at the whole ClientHello"
	case t.Definitions > 0:
		return "has no such policy"
	case t.Limits:
		return "has no such limits"
	}
	return ""
}

// Workers is how many workers, threads or processors a proxy gets.
func (t Task) Workers() int { return max(1, t.Processors) }

// Group is the key exchange, as OpenSSL calls it.
func (t Task) Group() string {
	if t.Hybrid {
		return "X25519MLKEM768"
	}
	return "X25519"
}

// Subject is one of the proxies.
type Subject interface {
	Name() string
	Version(ctx context.Context) (string, error) // an error wraps exec.ErrNotFound where it is not installed
	Can(Task) (why string)                       // empty: it can
	prepare(Place, Task) (command, error)
}

// Place is where a subject runs.
type Place struct {
	Dir     string // its own, for its files
	Keys    Keys
	Backend string // host:port
	CPUs    []int  // that it is pinned to; none: not at all
	Room    int    // sessions at once that it has descriptors for, two each and a few
}

// command is what starts a subject.
type command struct {
	path    string
	args    []string
	env     []string
	address string                           // where it will listen
	reloads func(output string) (int, error) // that it has made so far; nil: it cannot
}

// Peers are the proxies that sallyport is held against.
func Peers() []Subject { return []Subject{HAProxy{}, Nginx{}, Hitch{}, Stunnel{}} }

// freeAddress returns an address on loopback that nobody listens on, below the range that the kernel chooses ports from. The search begins anywhere,
// so that runs side by side do not find the same.
func freeAddress() (string, error) {
	const first, ports = 21000, 9000
	start := rand.IntN(ports)
	for i := range ports {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", first+(start+i)%ports))
		if err == nil {
			return l.Addr().String(), l.Close()
		}
	}
	return "", fmt.Errorf("no free port between %d and %d: %w", first, first+ports, syscall.EADDRINUSE)
}
