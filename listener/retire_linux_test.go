package listener

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// wantGone checks that a socket yields nobody any more and that its address is free.
func wantGone(t *testing.T, l *Listener) {
	t.Helper()
	if conn, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept on %s = %v, %v", l.Spec(), conn, err)
	}
	conn, err := net.Dial(l.Addr().Network(), l.Addr().String())
	if err == nil {
		conn.Close()
		t.Errorf("%s still answers", l.Addr())
	}
}

func lingering(set *Set) int {
	set.mu.Lock()
	defer set.mu.Unlock()
	return len(set.lingering)
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patient); !condition(); <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

// TestRemovedQueue: a socket that nobody replaces is closed at once, and who queued on it is served.
func TestRemovedQueue(t *testing.T) {
	const clients = 100
	for _, s := range []Spec{local("a"), {Network: "unix", Address: filepath.Join(t.TempDir(), "s")}} {
		for _, end := range []struct {
			name  string
			close func(*testing.T, *Set)
		}{
			{"reload", func(t *testing.T, set *Set) { commit(t, set) }},
			{"shutdown", func(t *testing.T, set *Set) { set.Close() }},
		} {
			t.Run(s.Network+" at "+end.name, func(t *testing.T) {
				set := &Set{}
				l := open(t, set, s)
				for range clients {
					conn, err := net.Dial(l.Addr().Network(), l.Addr().String())
					if err != nil {
						t.Fatal(err)
					}
					defer conn.Close()
				}
				end.close(t, set)
				if lingering(set) != 0 {
					t.Error("the address is not free")
				}
				for i := range clients {
					conn, err := l.Accept()
					if err != nil {
						t.Fatalf("client %d of %d: %v", i, clients, err)
					}
					if _, err := conn.Write([]byte("x")); err != nil {
						t.Errorf("client %d: %v", i, err)
					}
					conn.Close()
				}
				wantGone(t, l)
			})
		}
	}
}

// TestRemovedWhileAccepting: whoever waits in Accept gets the clients, too, and then the end.
func TestRemovedWhileAccepting(t *testing.T) {
	set := &Set{}
	l := open(t, set, local("a"))
	got := make(chan int)
	go func() {
		n := 0
		for {
			conn, err := l.Accept()
			if err != nil {
				got <- n
				return
			}
			conn.Close()
			n++
		}
	}()
	const clients = 300
	for range clients {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	commit(t, set)
	if n := <-got; n != clients {
		t.Errorf("%d of %d clients were taken", n, clients)
	}
}

// TestRemovedKeepsOptions: who is taken from a closing socket has the options of everybody else.
func TestRemovedKeepsOptions(t *testing.T) {
	set := &Set{}
	l := open(t, set, local("a")) // no keepalive
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	commit(t, set)
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) {
		if on, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_KEEPALIVE); on != 0 || err != nil {
			t.Errorf("keepalive %d, %v", on, err)
		}
	})
}

// TestRemovedSharedSocket: on a socket that another process has as well, clients are that one's.
func TestRemovedSharedSocket(t *testing.T) {
	for _, end := range []struct {
		name  string
		close func(*testing.T, *Set)
	}{
		{"reload", func(t *testing.T, set *Set) { commit(t, set) }},
		{"shutdown", func(t *testing.T, set *Set) { set.Close() }},
	} {
		t.Run(end.name, func(t *testing.T) {
			set := &Set{}
			l := open(t, set, local("a"))
			file, err := l.File()
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			client, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			end.close(t, set)
			if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Accept = %v", err)
			}
			other, err := net.FileListener(file)
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			conn, err := other.Accept()
			if err != nil {
				t.Fatal(err)
			}
			conn.Close()
			late, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatalf("the other process gets nobody any more: %v", err)
			}
			late.Close()
		})
	}
}

// TestPassedQueueAtShutdown: systemd keeps its socket, and who queues is for the next process.
func TestPassedQueueAtShutdown(t *testing.T) {
	passed, address := passedTCP(t, "front", "127.0.0.1:0")
	kept := passedFile(t, "kept", passedListener(t, passed))
	set := &Set{Inherited: []*os.File{passed}}
	l := open(t, set, Spec{Network: "systemd", Address: "front"})
	client, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	set.Close()
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept = %v", err)
	}
	next, err := net.FileListener(kept)
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	conn, err := next.Accept()
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func passedListener(t *testing.T, file *os.File) *net.TCPListener {
	t.Helper()
	l, err := net.FileListener(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.(*net.TCPListener)
}

// TestReplacePassed: a socket of systemd's can get another name, and make room for a narrower one if root made both;
// a wider one would not get the clients of systemd's.
func TestReplacePassed(t *testing.T) {
	passed, address := passedTCP(t, "front", "127.0.0.1:0")
	set := &Set{Inherited: []*os.File{passed}}
	l := open(t, set, Spec{Network: "systemd", Address: "front"})
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	_, err = set.Stage(context.Background(), []Spec{spec("", port)})
	if want := "systemd or another process keeps systemd:front open"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Stage = %v, want %q", err, want)
	}
	stage := commit(t, set, spec("127.0.0.1", port))
	if stage.Listener(spec("127.0.0.1", port)) != l {
		t.Error("the address of systemd's socket is not served by it")
	}
	greets(t, l, call(t, "127.0.0.1", port))
}

// TestHandshakeUnderWay: a client whose handshake has begun on a socket that goes completes it there, while the next
// one comes to the new socket.
func TestHandshakeUnderWay(t *testing.T) {
	set := &Set{}
	port, old := firstPort(t, set, []string{"127.0.0.1"})
	half := halfOpen(t, port)
	stage := commit(t, set, spec("0.0.0.0", port))
	set.mu.Lock()
	if len(set.lingering) != 1 {
		t.Errorf("%d sockets linger, want 1", len(set.lingering))
	}
	set.lingering = nil // so that its time does not end on a slow machine
	set.mu.Unlock()
	greets(t, stage.Added[0], call(t, "127.0.0.1", port))
	half.complete()
	conn, err := old[0].Accept()
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	greets(t, stage.Added[0], call(t, "127.0.0.1", port))
	if err := old[0].retire(); err != nil {
		t.Error(err)
	}
	if _, err := old[0].Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept = %v", err)
	}
}

// TestLingering ends by itself: at once if no handshake is under way, otherwise when it is given up.
func TestLingering(t *testing.T) {
	for _, patience := range []bool{false, true} {
		set := &Set{}
		port, old := firstPort(t, set, []string{"127.0.0.1"})
		if patience {
			halfOpen(t, port)
		}
		commit(t, set, spec("0.0.0.0", port))
		if n := lingering(set); (n == 1) != patience {
			t.Errorf("%d sockets linger", n)
		}
		if _, err := old[0].Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept = %v", err)
		}
		eventually(t, "nothing lingers", func() bool { return lingering(set) == 0 })
	}
}

// TestMovesInARow: sockets that linger from moves before are not in the way of the next.
func TestMovesInARow(t *testing.T) {
	set := &Set{}
	port, _ := firstPort(t, set, []string{"127.0.0.1"})
	hosts := []string{"0.0.0.0", "127.0.0.1", "::", "127.0.0.1", "127.0.0.1", "0.0.0.0", "::", "0.0.0.0"}
	for _, host := range hosts {
		halfOpen(t, port) // keeps the socket
		stage := commit(t, set, spec(host, port))
		greets(t, stage.Listener(spec(host, port)), call(t, "127.0.0.1", port))
	}
}

// TestUnixMoves: between paths, and between a path and a port.
func TestUnixMoves(t *testing.T) {
	dir := t.TempDir()
	a, b := Spec{Network: "unix", Address: filepath.Join(dir, "a")}, Spec{Network: "unix", Address: filepath.Join(dir, "b")}
	set := &Set{}
	old := open(t, set, a)
	for _, to := range []Spec{b, local("x"), a} {
		client, err := net.Dial(old.Addr().Network(), old.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		next := commit(t, set, to).Listener(to)
		conn, err := old.Accept()
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		wantGone(t, old)
		if !answers(t, next) {
			t.Errorf("%s does not answer", to)
		}
		old = next
	}
	if _, err := os.Lstat(b.Address); !os.IsNotExist(err) {
		t.Errorf("the file of a socket that went: %v", err)
	}
}
