package listener

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// commit stages specs and makes the change.
func commit(t *testing.T, set *Set, specs ...Spec) *Stage {
	t.Helper()
	stage, err := set.Stage(context.Background(), specs)
	if err != nil {
		t.Fatal(err)
	}
	stage.Commit()
	return stage
}

// freePort finds a port that nobody has at any address. It is not one that the kernel gives to clients: a client can have it at
// one address only, and then a socket for all addresses is refused.
func freePort(t *testing.T) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", ":"+strconv.Itoa(20000+rand.IntN(12000)))
		if err == nil {
			defer l.Close()
			_, port, _ := net.SplitHostPort(l.Addr().String())
			return port
		}
	}
	t.Fatal("no free port")
	return ""
}

// firstPort opens sockets for hosts, all with the same port.
func firstPort(t *testing.T, set *Set, hosts []string) (port string, open []*Listener) {
	t.Helper()
	port = freePort(t)
	specs := specs(hosts, port)
	stage := commit(t, set, specs...)
	t.Cleanup(func() { set.Close() })
	for _, s := range specs {
		open = append(open, stage.Listener(s))
	}
	return port, open
}

// spec writes "HOST" or "NETWORK HOST" as a spec.
func spec(host, port string) Spec {
	network, host, found := strings.Cut(host, " ")
	if !found {
		network, host = "tcp", network
	}
	return Spec{Network: network, Address: net.JoinHostPort(host, port)}
}

func specs(hosts []string, port string) []Spec {
	var list []Spec
	for _, host := range hosts {
		list = append(list, spec(host, port))
	}
	return list
}

// call connects to a port, and fails the test if it is refused.
func call(t *testing.T, host, port string) net.Conn {
	t.Helper()
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(host, port), patient)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patient))
	return conn
}

// greets lets l take its next client, which must be conn.
func greets(t *testing.T, l *Listener, conn net.Conn) {
	t.Helper()
	l.inner.(interface{ SetDeadline(time.Time) error }).SetDeadline(time.Now().Add(patient))
	accepted, err := l.Accept()
	if err != nil {
		t.Fatalf("%s did not get its client: %v", l.Spec(), err)
	}
	defer accepted.Close()
	if accepted.RemoteAddr().String() != conn.LocalAddr().String() {
		t.Fatalf("%s got %s, not %s", l.Spec(), accepted.RemoteAddr(), conn.LocalAddr())
	}
}

// foreign tries to listen like another process of the same user.
func foreign(s Spec, sharing bool) error {
	l, err := listenTCP(context.Background(), s, sharing)
	if err == nil {
		l.Close()
	}
	return err
}

// TestReplace moves sockets between overlapping addresses. Nobody is refused or lost at any moment, and nobody
// else can bind beside them afterwards.
func TestReplace(t *testing.T) {
	for _, tt := range []struct {
		name     string
		from, to []string
		callers  map[string][2]int // who calls where: index of the old socket and of the new
		anyUser  bool              // the kernel lets the same user share the port, see forgetSharing
	}{
		{"one address to IPv4", []string{"127.0.0.1"}, []string{"0.0.0.0"}, map[string][2]int{"127.0.0.1": {0, 0}}, false},
		{"IPv4 to one address", []string{"0.0.0.0"}, []string{"127.0.0.1"}, map[string][2]int{"127.0.0.1": {0, 0}}, false},
		{"one address to everything", []string{"127.0.0.1"}, []string{""}, map[string][2]int{"127.0.0.1": {0, 0}}, true},
		{"everything to one address", []string{""}, []string{"127.0.0.1"}, map[string][2]int{"127.0.0.1": {0, 0}}, false},
		{"two addresses to everything", []string{"127.0.0.1", "127.0.0.2"}, []string{""}, map[string][2]int{"127.0.0.1": {0, 0}, "127.0.0.2": {1, 0}}, true},
		{"everything to two addresses", []string{""}, []string{"127.0.0.1", "127.0.0.2"}, map[string][2]int{"127.0.0.1": {0, 0}, "127.0.0.2": {0, 1}}, false},
		{"both families to IPv4", []string{"::"}, []string{"0.0.0.0"}, map[string][2]int{"127.0.0.1": {0, 0}}, false},
		{"IPv4 to both families", []string{"0.0.0.0"}, []string{"::"}, map[string][2]int{"127.0.0.1": {0, 0}}, true},
		{"both families to IPv6", []string{"::"}, []string{"tcp6 ::"}, map[string][2]int{"::1": {0, 0}}, false},
		{"IPv6 to both families", []string{"tcp6 ::"}, []string{"::"}, map[string][2]int{"::1": {0, 0}}, true},
		{"both families to each", []string{"::"}, []string{"0.0.0.0", "tcp6 ::"}, map[string][2]int{"127.0.0.1": {0, 0}, "::1": {0, 1}}, true},
		{"each family to both", []string{"0.0.0.0", "tcp6 ::"}, []string{"::"}, map[string][2]int{"127.0.0.1": {0, 0}, "::1": {1, 0}}, true},
		{"IPv6 address", []string{"::1"}, []string{"::"}, map[string][2]int{"::1": {0, 0}}, true},
		{"to an IPv6 address", []string{"::"}, []string{"::1"}, map[string][2]int{"::1": {0, 0}}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			set := &Set{}
			hosts := slices.Sorted(maps.Keys(tt.callers))
			port, old := firstPort(t, set, tt.from)
			wanted := specs(tt.to, port)
			given, err := set.Stage(context.Background(), wanted)
			if err != nil {
				t.Fatal(err)
			}
			for host, i := range tt.callers {
				greets(t, old[i[0]], call(t, host, port)) // as before
			}
			given.Abort()
			for host, i := range tt.callers {
				greets(t, old[i[0]], call(t, host, port))
			}

			stage, err := set.Stage(context.Background(), wanted)
			if err != nil {
				t.Fatal(err)
			}
			waiting := map[string]net.Conn{}
			for _, host := range hosts {
				waiting[host] = call(t, host, port)
			}
			stage.Commit()
			for host, i := range tt.callers {
				greets(t, stage.Listener(wanted[i[1]]), call(t, host, port))
			}
			for _, host := range hosts {
				greets(t, old[tt.callers[host][0]], waiting[host])
			}
			if lingering(set) != 0 {
				t.Error("the addresses of the old sockets are not free")
			}
			for _, l := range old {
				if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
					t.Errorf("Accept on a socket that went = %v", err)
				}
			}
			for i, s := range wanted {
				if err := foreign(s, false); !errors.Is(err, syscall.EADDRINUSE) {
					t.Errorf("somebody else could bind %s: %v", s, err)
				}
				if err := foreign(s, true); err == nil && !tt.anyUser {
					t.Errorf("somebody else could share %s: %v", s, err)
				}
				if reusePort(t, stage.Listener(wanted[i])) {
					t.Errorf("%s still has SO_REUSEPORT", s)
				}
			}
		})
	}
}

func reusePort(t *testing.T, l *Listener) bool {
	t.Helper()
	return option(l.inner, unix.SOL_SOCKET, unix.SO_REUSEPORT)
}

// TestReplaceOtherUser: even where the kernel's memory of a shared port cannot be wiped, another user cannot bind it.
func TestReplaceOtherUser(t *testing.T) {
	set := &Set{}
	port, _ := firstPort(t, set, []string{"127.0.0.1"})
	commit(t, set, spec("", port))
	number, _ := strconv.Atoi(port)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Fchown(fd, 65534, -1); err != nil {
		t.Skip("only root can make a socket of another user")
	}
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: number}); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("another user could bind: %v", err)
	}
}

// TestReplaceRename: another name for the same address keeps the socket.
func TestReplaceRename(t *testing.T) {
	set := &Set{}
	port, old := firstPort(t, set, []string{"127.0.0.1"})
	client := call(t, "127.0.0.1", port)
	named := Spec{Network: "tcp4", Address: "localhost:" + port}
	stage, err := set.Stage(context.Background(), []Spec{named})
	if err != nil {
		t.Fatal(err)
	}
	if len(stage.Added) != 0 || len(stage.Removed) != 0 || stage.Listener(named) != old[0] {
		t.Fatalf("added %d, removed %d, want the same socket", len(stage.Added), len(stage.Removed))
	}
	stage.Abort()
	if old[0].Key() != spec("127.0.0.1", port).Key() {
		t.Errorf("key %q after a stage that was given up", old[0].Key())
	}
	commit(t, set, named)
	if old[0].Key() != named.Key() || old[0].Spec() != named {
		t.Errorf("key %q, spec %v", old[0].Key(), old[0].Spec())
	}
	greets(t, old[0], client)
	if _, err := set.Stage(context.Background(), []Spec{named, spec("127.0.0.1", port)}); err == nil || !strings.Contains(err.Error(), "this process itself has localhost:"+port) {
		t.Errorf("one address twice: %v", err)
	}
}

// TestReplaceRefused: what is in the way does not go, or is not ours.
func TestReplaceRefused(t *testing.T) {
	for _, tt := range []struct {
		name    string
		to      []string
		foreign string
		want    string
	}{
		{"another process in the way", []string{"0.0.0.0"}, "127.0.0.2", "port in use (hint: another process listens there"},
		{"another process in the way of the last", []string{"127.0.0.5", "0.0.0.0"}, "127.0.0.2", "port in use (hint: "},
		{"one that stays", []string{"127.0.0.1", ""}, "", "this process itself has 127.0.0.1:"},
		{"two new ones", []string{"127.0.0.3", ""}, "", "this process itself has 127.0.0.3:"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			set := &Set{}
			port, old := firstPort(t, set, []string{"127.0.0.1"})
			if tt.foreign != "" {
				other, err := net.Listen("tcp", net.JoinHostPort(tt.foreign, port))
				if err != nil {
					t.Fatal(err)
				}
				defer other.Close()
			}
			client := call(t, "127.0.0.1", port)
			_, err := set.Stage(context.Background(), specs(tt.to, port))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Stage = %v, want %q", err, tt.want)
			}
			greets(t, old[0], client)
			greets(t, old[0], call(t, "127.0.0.1", port))
			if reusePort(t, old[0]) {
				t.Error("the old socket has SO_REUSEPORT")
			}
			for _, sharing := range []bool{false, true} {
				if err := foreign(spec("127.0.0.1", port), sharing); !errors.Is(err, syscall.EADDRINUSE) {
					t.Errorf("somebody else could bind (sharing: %v): %v", sharing, err)
				}
			}
		})
	}
}
