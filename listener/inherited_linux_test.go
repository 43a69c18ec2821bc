package listener

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// passedTCP makes a socket as systemd would pass it.
func passedTCP(t *testing.T, name, address string) (*os.File, string) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return passedFile(t, name, l.(*net.TCPListener)), l.Addr().String()
}

// passedFile duplicates a descriptor under the name of a unit.
func passedFile(t *testing.T, name string, socket interface{ File() (*os.File, error) }) *os.File {
	t.Helper()
	file, err := socket.File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	fd, err := syscall.Dup(int(file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	named := os.NewFile(uintptr(fd), name)
	t.Cleanup(func() { named.Close() })
	return named
}

func TestInherited(t *testing.T) {
	byName, _ := passedTCP(t, "front", "127.0.0.1:0")
	byAddress, address := passedTCP(t, "other.socket", "127.0.0.1:0")
	unused, lonely := passedTCP(t, "lonely", "127.0.0.1:0")
	path := filepath.Join(t.TempDir(), "s")
	ul, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	ul.SetUnlinkOnClose(false)
	byPath := passedFile(t, "path.socket", ul)
	ul.Close()

	var out bytes.Buffer
	set := &Set{Log: slog.New(slog.NewTextHandler(&out, nil)), Inherited: []*os.File{byName, byAddress, unused, byPath}}
	defer set.Close()
	wanted := []Spec{{Network: "systemd", Address: "front"}, {Network: "tcp", Address: address}, {Network: "unix", Address: path}}

	// A stage that is given up must not lose what was inherited.
	stage, err := set.Stage(context.Background(), wanted)
	if err != nil {
		t.Fatal(err)
	}
	stage.Abort()
	if stage, err = set.Stage(context.Background(), wanted); err != nil {
		t.Fatal(err)
	}
	stage.Commit()
	for _, spec := range wanted {
		l := stage.Listener(spec)
		if !l.foreign || !answers(t, l) {
			t.Errorf("%s: inherited %v, or it does not answer", spec, l.foreign)
		}
	}
	if conn, err := net.Dial("tcp", lonely); err == nil {
		conn.Close()
		t.Error("the unused socket is still open")
	}
	if got := out.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "name=lonely") {
		t.Errorf("log %q, want one record that names the unused socket", got)
	}
	// They stay through a reload, and the file of systemd's socket is not ours to remove.
	if again := open(t, set, wanted[0]); again != stage.Listener(wanted[0]) {
		t.Error("a reload replaced an inherited socket")
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the file of an inherited socket was removed: %v", err)
	}
}

func TestInheritedRefused(t *testing.T) {
	first, _ := passedTCP(t, "twin", "127.0.0.1:0")
	second, _ := passedTCP(t, "twin", "127.0.0.1:0")
	datagram, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer datagram.Close()
	connected, _ := loopback(t)
	blocking, port := passedTCP(t, "blocking", "127.0.0.1:0")
	set := &Set{Inherited: []*os.File{first, second, passedFile(t, "udp", datagram), passedFile(t, "connected", connected), blocking}}
	defer set.Close()
	_, portText, _ := net.SplitHostPort(port)
	for spec, want := range map[Spec]string{
		{Network: "systemd", Address: "twin"}:             "several sockets of this name",
		{Network: "systemd", Address: "udp"}:              "no stream socket (hint: use ListenStream=)",
		{Network: "systemd", Address: "connected"}:        "does not listen (hint: use Accept=no",
		{Network: "systemd", Address: "nobody"}:           "no such socket",
		{Network: "tcp4", Address: "0.0.0.0:" + portText}: `this process itself has the socket "blocking" from systemd`,
	} {
		if _, err := set.Stage(context.Background(), []Spec{spec}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", spec, err, want)
		}
	}
}

func TestInheritedOnlyIPv6(t *testing.T) {
	l, err := net.Listen("tcp6", "[::]:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if got := specOf(l).Network; got != "tcp6" {
		t.Errorf("network %q of an IPv6-only wildcard socket, want tcp6: it does not serve a dual-stack port", got)
	}
}
