package listener

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

const descriptorsChild = "SALLYPORT_TEST_DESCRIPTORS"

// TestOutOfDescriptors runs the listener in a process that may open few files, as a limit cannot be
// lowered and raised again within the test's own.
func TestOutOfDescriptors(t *testing.T) {
	if os.Getenv(descriptorsChild) != "" {
		outOfDescriptorsChild()
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestOutOfDescriptors$")
	cmd.Env = append(os.Environ(), descriptorsChild+"=1")
	var log bytes.Buffer
	cmd.Stderr = &log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var address string
	if _, err := fmt.Fscanln(stdout, &address); err != nil {
		t.Fatalf("child: %v\n%s", err, log.String())
	}
	clients := make([]net.Conn, 60)
	told := 0
	for i := range clients {
		if clients[i], err = net.Dial("tcp", address); err != nil {
			t.Fatal(err)
		}
		defer clients[i].Close()
	}
	// Every client is either greeted or closed; none is left hanging.
	for i, client := range clients {
		client.SetReadDeadline(time.Now().Add(patient))
		got, err := io.ReadFull(client, make([]byte, 1))
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("client %d hangs", i)
		}
		if got == 0 {
			told++
		}
	}
	if told == 0 || told == len(clients) {
		t.Errorf("%d of %d clients were turned away, want some", told, len(clients))
	}
	for _, client := range clients {
		client.Close()
	}
	// With descriptors free again, clients are served again.
	greeted := func() bool {
		client, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		client.SetReadDeadline(time.Now().Add(patient))
		n, _ := client.Read(make([]byte, 1))
		return n == 1
	}
	for deadline := time.Now().Add(patient); !greeted(); {
		if time.Now().After(deadline) {
			t.Fatal("nobody is served after the descriptors came back")
		}
	}
	stdin.Close()
	if err := cmd.Wait(); err != nil {
		t.Errorf("child: %v\n%s", err, log.String())
	}
	if n := strings.Count(log.String(), "out of file descriptors"); n == 0 || n > 5 {
		t.Errorf("%d records of the lack, want a few:\n%s", n, log.String())
	}
}

// outOfDescriptorsChild greets its clients and holds each until it leaves.
func outOfDescriptorsChild() {
	set := &Set{Log: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	stage, err := set.Stage(context.Background(), []Spec{local("a")})
	if err != nil {
		panic(err)
	}
	stage.Commit()
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 32, Max: 32}); err != nil {
		panic(err)
	}
	l := stage.Added[0]
	go func() {
		io.Copy(io.Discard, os.Stdin)
		l.Close()
	}()
	fmt.Println(l.Addr())
	for {
		conn, err := l.Accept()
		if err != nil {
			os.Exit(0)
		}
		go func() {
			defer conn.Close()
			if _, err := conn.Write([]byte("!")); err == nil {
				io.Copy(io.Discard, conn)
			}
		}()
	}
}
