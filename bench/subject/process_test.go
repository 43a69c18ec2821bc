//go:build unix

package subject

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// roleVariable makes this test's program play a proxy; its value is how it behaves.
const roleVariable = "BENCH_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		playProxy(role, os.Args[1])
	}
	os.Exit(m.Run())
}

// playProxy listens and ends when it is sent something; "broken" does not even start.
func playProxy(role, address string) {
	if role == "broken" {
		fmt.Println("no such directive")
		os.Exit(1)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			os.Exit(1)
		}
		if n, _ := conn.Read(make([]byte, 1)); n > 0 {
			fmt.Println("that was too much for me")
			os.Exit(3)
		}
		conn.Close()
	}
}

// fake is this test's program in a role.
type fake struct{ role string }

func (fake) Name() string                            { return "fake" }
func (fake) Version(context.Context) (string, error) { return "0", nil }
func (fake) Can(Task) string                         { return "" }
func (f fake) prepare(Place, Task) (command, error) {
	address, err := freeAddress()
	return command{path: os.Args[0], args: []string{address}, env: []string{roleVariable + "=" + f.role}, address: address}, err
}

func start(t *testing.T, role string) (*Process, error) {
	t.Helper()
	p, err := Start(t.Context(), fake{role}, Place{Dir: t.TempDir()}, Task{})
	if err == nil {
		t.Cleanup(p.Stop)
	}
	return p, err
}

func TestProcessThatDies(t *testing.T) {
	p, err := start(t, "fragile")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Err(); err != nil {
		t.Fatalf("while it runs: %v", err)
	}
	conn, err := net.Dial("tcp", p.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Write([]byte("x"))
	select {
	case <-p.ended:
	case <-time.After(10 * time.Second):
		t.Fatal("it has not ended")
	}
	want := "fake has ended (exit status 3), and said:\n  that was too much for me"
	if err := p.Err(); err == nil || err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
}

func TestProcessThatDoesNotStart(t *testing.T) {
	_, err := start(t, "broken")
	want := "start: fake has ended (exit status 1), and said:\n  no such directive"
	if err == nil || err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
}

func TestProcessStops(t *testing.T) {
	p, err := start(t, "fragile")
	if err != nil {
		t.Fatal(err)
	}
	p.Stop()
	if conn, err := net.Dial("tcp", p.Address); err == nil {
		conn.Close()
		t.Error("somebody still listens")
	}
	if err := p.Reload(); err == nil || !strings.Contains(err.Error(), "reload fake: unsupported") {
		t.Errorf("reload: error %v, want that it is unsupported", err)
	}
}
