package listener

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// local is a socket on a port of the kernel's choice.
func local(id string) Spec { return Spec{Network: "tcp", Address: "127.0.0.1:0", ID: id} }

// answers reports whether a listener takes the connection of a new client.
func answers(t *testing.T, l *Listener) bool {
	t.Helper()
	accepted := make(chan net.Conn, 1)
	go func() {
		defer close(accepted)
		if conn, err := l.Accept(); err == nil {
			accepted <- conn
		}
	}()
	client, err := net.Dial(l.Addr().Network(), l.Addr().String())
	if err != nil {
		l.Close() // ends the goroutine
		<-accepted
		return false
	}
	defer client.Close()
	conn, ok := <-accepted
	if ok {
		conn.Close()
	}
	return ok
}

func TestStageCommit(t *testing.T) {
	ctx := context.Background()
	set := &Set{}
	defer set.Close()
	first, err := set.Stage(ctx, []Spec{local("a"), local("b")})
	if err != nil {
		t.Fatal(err)
	}
	if len(first.Added) != 2 || len(first.Removed) != 0 || len(set.Listeners()) != 0 {
		t.Fatalf("added %d, removed %d, open %d before the commit", len(first.Added), len(first.Removed), len(set.Listeners()))
	}
	first.Commit()
	a, b := first.Listener(local("a")), first.Listener(local("b"))

	second, err := set.Stage(ctx, []Spec{local("b"), local("c")})
	if err != nil {
		t.Fatal(err)
	}
	if second.Listener(local("b")) != b || len(second.Added) != 1 || len(second.Removed) != 1 || second.Removed[0] != a {
		t.Fatalf("added %d, removed %v, want b kept, c added, a removed", len(second.Added), second.Removed)
	}
	if !answers(t, a) || !answers(t, b) {
		t.Error("a stage that is not committed closed something")
	}
	second.Commit()
	second.Abort() // does nothing any more
	if _, err := a.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept on the removed socket = %v", err)
	}
	if c := second.Listener(local("c")); !answers(t, b) || !answers(t, c) {
		t.Error("a socket that stays or is new does not answer")
	}
}

func TestStageAbort(t *testing.T) {
	ctx := context.Background()
	set := &Set{}
	a := open(t, set, local("a"))
	stage, err := set.Stage(ctx, []Spec{local("b")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := set.Stage(ctx, nil); !errors.Is(err, errPending) {
		t.Errorf("second stage = %v, want %v", err, errPending)
	}
	b := stage.Added[0]
	stage.Abort()
	stage.Commit() // does nothing any more
	if _, err := b.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept on the aborted socket = %v", err)
	}
	if !answers(t, a) || len(set.Listeners()) != 1 {
		t.Error("abort touched what was open")
	}
}

// TestStageKeepsWaitingClients: what queued on a socket before a reload that keeps it is served after it.
func TestStageKeepsWaitingClients(t *testing.T) {
	set := &Set{}
	l := open(t, set, local("a"))
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	retuned := local("a")
	retuned.DeadPeer = time.Hour
	if again := open(t, set, retuned); again != l || l.Spec() != retuned {
		t.Fatalf("got %+v, want the same socket with its new options", again.Spec())
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func TestStageErrors(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	set := &Set{}
	l := open(t, set, local("a"))
	own := l.Addr().String()

	ours := Spec{Network: "tcp", Address: own}
	fixed, err := set.Stage(context.Background(), []Spec{local("a"), local("b")})
	if err != nil {
		t.Fatal(err)
	}
	free := fixed.Listener(local("b")).Addr().String()
	fixed.Abort()

	_, err = set.Stage(context.Background(), []Spec{
		{Network: "tcp", Address: free},
		{Network: "tcp", Address: taken.Addr().String()},
		{Network: "tcp", Address: "192.0.2.77:2021"},
		{Network: "tcp", Address: free},
		ours,
		local("a"),
		{Network: "tcp", Address: "host.invalid:2021"},
		{Network: "unix", Address: "@abstract"},
		{Network: "unix", Address: strings.Repeat("x", 108)},
		{Network: "unix", Address: "/nonexistent/dir/s"},
		{Network: "systemd", Address: "nobody"},
	})
	if err == nil {
		t.Fatal("Stage accepted all of them")
	}
	for _, want := range []string{
		"listen on " + taken.Addr().String() + ": port in use (hint: another process listens there; `ss -ltnp` shows which)",
		"listen on 192.0.2.77:2021: address not on this host (hint: ",
		"listen on " + free + ": listed twice (hint: every port needs an address of its own)",
		"listen on " + own + ": port in use (hint: this process itself has 127.0.0.1:0; one of the two must go)",
		`listen on host.invalid:2021: unknown host name or port name "host.invalid"`,
		"listen on unix:@abstract: abstract UNIX sockets are not supported (hint: ",
		"listen on unix:" + strings.Repeat("x", 108) + ": the path is longer than 107 bytes",
		"listen on unix:/nonexistent/dir/s: no such directory (hint: ",
		"listen on systemd:nobody: systemd passed no such socket (hint: ",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q:\n%v", want, err)
		}
	}
	if problem, ok := errors.AsType[*OpenError](err); !ok || problem.Hint == "" || problem.Err == nil {
		t.Errorf("first error %+v, want an OpenError with hint and cause", problem)
	}
	if conn, err := net.Dial("tcp", free); err == nil {
		conn.Close()
		t.Errorf("%s is open after a stage that failed", free)
	}
	if !answers(t, l) {
		t.Error("a stage that failed touched what was open")
	}
}

// TestStageOverlap: the socket in the way is our own, and the hint says so.
func TestStageOverlap(t *testing.T) {
	set := &Set{}
	l := open(t, set, Spec{Network: "tcp4", Address: ":0"})
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	wild := Spec{Network: "tcp4", Address: ":" + port}
	l.Close()
	stage, err := set.Stage(context.Background(), []Spec{wild})
	if err != nil {
		t.Fatal(err)
	}
	stage.Commit()
	_, err = set.Stage(context.Background(), []Spec{wild, {Network: "tcp", Address: "127.0.0.1:" + port}})
	if err == nil || !strings.Contains(err.Error(), "this process itself has :"+port) {
		t.Errorf("error %v does not say that the socket in the way is our own", err)
	}
}

func TestFamilies(t *testing.T) {
	for _, tt := range []struct {
		spec   Spec
		v4, v6 bool
	}{
		{Spec{Network: "tcp", Address: ":0"}, true, true},
		{Spec{Network: "tcp", Address: "[::]:0"}, true, true},
		{Spec{Network: "tcp", Address: "0.0.0.0:0"}, true, false},
		{Spec{Network: "tcp4", Address: ":0"}, true, false},
		{Spec{Network: "tcp6", Address: ":0"}, false, true},
		{Spec{Network: "tcp", Address: "127.0.0.1:0"}, true, false},
		{Spec{Network: "tcp", Address: "[::1]:0"}, false, true},
	} {
		l := open(t, &Set{}, tt.spec)
		_, port, err := net.SplitHostPort(l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		for host, want := range map[string]bool{"127.0.0.1": tt.v4, "::1": tt.v6} {
			conn, err := net.Dial("tcp", net.JoinHostPort(host, port))
			if (err == nil) != want {
				t.Errorf("%s %s from %s: %v, want an answer: %v", tt.spec.Network, tt.spec, host, err, want)
			}
			if err == nil {
				conn.Close()
			}
		}
	}
}

func TestSetClose(t *testing.T) {
	set := &Set{}
	a := open(t, set, local("a"))
	conn, client := net.Conn(nil), net.Conn(nil)
	client, err := net.Dial("tcp", a.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if conn, err = a.Accept(); err != nil {
		t.Fatal(err)
	}
	pending, err := set.Stage(context.Background(), []Spec{local("b")})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(set.Close(), set.Close()); err != nil {
		t.Error(err)
	}
	pending.Commit()
	for _, l := range []*Listener{a, pending.Added[0]} {
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept on %s = %v", l.Key(), err)
		}
	}
	if _, err := set.Stage(context.Background(), nil); !errors.Is(err, errClosed) {
		t.Errorf("Stage after Close = %v", err)
	}
	if _, err := conn.Write([]byte("x")); err != nil {
		t.Errorf("an established connection was touched: %v", err)
	}
	conn.Close()
	if got, err := io.ReadAll(client); err != nil || string(got) != "x" {
		t.Errorf("client reads %q, %v", got, err)
	}
}

func TestCloseUnused(t *testing.T) {
	if err := (&Set{}).Close(); err != nil {
		t.Error(err)
	}
}

func TestFileOutlivesClose(t *testing.T) {
	l := open(t, &Set{}, local("a"))
	file, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := net.FileListener(file)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	client, err := net.Dial("tcp", again.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	client.Close()
}
