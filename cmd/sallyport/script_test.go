package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"sallyport/internal/admin"
	"sallyport/internal/testpki"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sallyport": main})
}

// TestScripts runs the real command. What the scripts can do beside testscript's own commands:
//
//	pki            writes ca.crt, server.crt/.key (localhost, 127.0.0.1), client.crt/.key, other-ca.crt, other.crt/.key,
//	               expired.crt/.key and soon.crt/.key
//	ready FILE     waits until the sallyport that runs with FILE is ready
//	gone FILE      waits until it has stopped
//	echo FILE PORT plaintext|CA-FILE [SERVER-NAME]
//	               sends a line through a port, and fails unless it comes back
//	waitecho FILE PORT plaintext|CA-FILE
//	               waits until a line comes back through a port; negated, until none does
//	truncate FILE SIZE
//	               cuts a file in place
//	burst N FILE FIRST SECOND
//	               replaces a file 2N times, in place and by renaming, the last time by the second
//	waitlog FILE TEXT
//	               waits until a file has the text
//	waitgeneration FILE N
//	               waits until generation N is in force
//	waitfailure FILE TEXT
//	               waits until the latest reload is one that failed, for a reason with a text in it
//	hold NAME FILE PORT plaintext|CA-FILE
//	               opens a session that stays
//	held NAME      sends a line through it, and fails unless it comes back
//	drop NAME      ends it
//	pid FILE VARIABLE
//	               sets a variable to the id of the process that answers
//	address FILE PORT VARIABLE
//	               sets a variable to where a port listens
//	newpid FILE PID
//	               waits until another process answers
//	signal PID NAME
//	               sends a signal: USR2, TERM, KILL
//	storm FILE N CONFIG
//	               replaces a file N times, and fails unless few reloads follow
//	scrape FILE    writes the metrics of the sallyport that runs with FILE to the file metrics
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   "testdata/script",
		Setup: setUpHeld,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"pki":     writePKI,
			"ready":   waitReady,
			"gone":    waitGone,
			"echo":    echoThrough,
			"waitlog": waitLog,

			"waitecho": waitEcho,
			"truncate": truncate,
			"burst":    burst,

			"waitgeneration": waitGeneration,
			"waitfailure":    waitFailure,

			"hold":   holdSession,
			"held":   heldSession,
			"drop":   dropSession,
			"pid":    pidOf,
			"newpid": waitNewPID,
			"signal": signalPID,
			"storm":  storm,
			"scrape": scrape,

			"address": addressOf,
		},
	})
}

const patience = 20 * time.Second

func writePKI(ts *testscript.TestScript, _ bool, _ []string) {
	t := &scriptTB{ts: ts}
	dir := ts.MkAbs(".")
	ca, other := testpki.New(t), testpki.NewNamed(t, "other CA", testpki.Options{})
	testpki.WriteFile(t, filepath.Join(dir, "ca.crt"), ca.PEM())
	testpki.WriteFile(t, filepath.Join(dir, "other-ca.crt"), other.PEM())
	now := time.Now()
	ca.Server(t, "localhost", "127.0.0.1").Write(t, dir, "server")
	ca.Client(t, "some client").Write(t, dir, "client")
	other.Server(t, "localhost", "127.0.0.1").Write(t, dir, "other")
	ca.Issue(t, testpki.Options{Names: []string{"localhost"}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(0, 0, -3)}).Write(t, dir, "expired")
	ca.Issue(t, testpki.Options{Names: []string{"localhost"}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(0, 0, 9)}).Write(t, dir, "soon")
}

// scriptTB lets testpki fail a script.
type scriptTB struct {
	testing.TB
	ts *testscript.TestScript
}

func (t *scriptTB) Helper()                        {}
func (t *scriptTB) Fatal(args ...any)              { t.ts.Fatalf("%s", fmt.Sprint(args...)) }
func (t *scriptTB) Fatalf(format string, a ...any) { t.ts.Fatalf(format, a...) }

func status(ts *testscript.TestScript, file string) (*admin.Status, error) {
	client, err := adminClient(ts.MkAbs(file))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return client.Status(ctx)
}

// until is eventually for scripts.
func until(ts *testscript.TestScript, what string, condition func() bool) {
	eventually(&scriptTB{ts: ts}, what, condition)
}

func waitReady(ts *testscript.TestScript, _ bool, args []string) {
	until(ts, "ready", func() bool {
		s, err := status(ts, args[0])
		return err == nil && s.State == admin.StateReady
	})
}

func waitGone(ts *testscript.TestScript, _ bool, args []string) {
	until(ts, "gone", func() bool {
		_, err := status(ts, args[0])
		return err != nil
	})
}

func waitGeneration(ts *testscript.TestScript, _ bool, args []string) {
	until(ts, "generation "+args[1], func() bool {
		s, err := status(ts, args[0])
		return err == nil && fmt.Sprint(s.Generation) == args[1]
	})
}

func waitFailure(ts *testscript.TestScript, _ bool, args []string) {
	until(ts, "a failure with "+args[1], func() bool {
		s, err := status(ts, args[0])
		return err == nil && admin.FailedLast(s.LastSuccess, s.LastFailure) &&
			strings.Contains(strings.Join(s.LastFailure.Problems, "\n"), args[1])
	})
}

func waitLog(ts *testscript.TestScript, _ bool, args []string) {
	until(ts, args[1], func() bool {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		return err == nil && strings.Contains(string(text), args[1])
	})
}

func echoThrough(ts *testscript.TestScript, neg bool, args []string) {
	err := echoOnce(ts, args)
	if neg && err == nil {
		ts.Fatalf("echo %v: the line came back", args)
	}
	if !neg {
		ts.Check(err)
	}
}

func echoOnce(ts *testscript.TestScript, args []string) error {
	conn, err := connect(ts, args)
	if err != nil {
		return err
	}
	defer conn.Close()
	return exchange(conn)
}

// exchange sends a line and expects it back.
func exchange(conn net.Conn) error {
	conn.SetDeadline(time.Now().Add(patience))
	want := []byte("a line\n")
	if _, err := conn.Write(want); err != nil {
		return err
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%q came back", got)
	}
	return nil
}

func connect(ts *testscript.TestScript, args []string) (net.Conn, error) {
	s, err := status(ts, args[0])
	if err != nil {
		return nil, err
	}
	var port *admin.Port
	for i := range s.Ports {
		if s.Ports[i].Application+"/"+s.Ports[i].ID == args[1] {
			port = &s.Ports[i]
		}
	}
	if port == nil {
		return nil, fmt.Errorf("no port %s", args[1])
	}
	network := "tcp"
	if strings.HasPrefix(port.Listen, "unix:") {
		network = "unix"
	}
	if args[2] == "plaintext" {
		return net.Dial(network, port.Address)
	}
	ca, err := os.ReadFile(ts.MkAbs(args[2]))
	if err != nil {
		return nil, err
	}
	config := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "localhost"}
	config.RootCAs.AppendCertsFromPEM(ca)
	if len(args) > 3 {
		config.ServerName = args[3]
	}
	return tls.Dial(network, port.Address, config)
}
