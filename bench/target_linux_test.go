package main

import (
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"sallyport/bench/report"
)

// serve starts a plaintext server and returns its address.
func serve(t *testing.T, answer func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
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
				answer(conn)
			}()
		}
	}()
	return l.Addr().String()
}

func echo(conn net.Conn) { io.Copy(conn, conn) }

func greet(conn net.Conn) {
	io.WriteString(conn, "220 mail.example.com ready\r\n")
	io.Copy(io.Discard, conn)
}

func TestTarget(t *testing.T) {
	dir := t.TempDir()
	address := serve(t, echo)
	var out strings.Builder
	args := strings.Fields("-target " + address + " -plaintext -workload sessions,exchange -send ping -expect pi -connections 2 -rounds 2 -time 100ms -out " + dir)
	if err := bench(t.Context(), args, &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	run := written(t, dir)
	for _, kind := range []string{kindSessions, kindExchange} {
		for _, m := range []report.Metric{report.Rate, report.P50, report.Longest} {
			if s := run.Summary(kind, address, m); s.Min <= 0 || len(s.Rounds) != 2 {
				t.Errorf("%s, %s: %+v, want two positive rounds", kind, m, s)
			}
		}
		if s := run.Summary(kind, address, report.ProxyCPU); s.Known() {
			t.Errorf("%s: CPU %v of a process that nobody named", kind, s.Rounds)
		}
	}
	if run.Header.Target != address || len(run.Samples[0].Failures) > 0 {
		t.Errorf("target %q, failures %v", run.Header.Target, run.Samples[0].Failures)
	}
}

func TestTargetWithItsProcess(t *testing.T) {
	o, err := parse([]string{"-target", "h:1", "-plaintext"}, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	o.target.pid = os.Getpid()
	if used, err := o.target.cpu(); err != nil || used <= 0 {
		t.Errorf("CPU = %s (%v), want some", used, err)
	}
}

func TestTargetThatIsNotWhatItShouldBe(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := l.Addr().String()
	l.Close()
	tests := map[string]struct{ args, want string }{
		"nobody there":   {"-target " + gone + " -plaintext", "connection refused"},
		"plaintext":      {"-target " + serve(t, greet), "add -plaintext"},
		"wrong answer":   {"-target " + serve(t, echo) + " -plaintext -send ping -expect pong", "wrong bytes came back"},
		"no such CA":     {"-target " + gone + " -ca /nonexistent", "ca: open /nonexistent"},
		"no such key":    {"-target " + gone + " -cert /nonexistent -key /nonexistent", "client certificate: open /nonexistent"},
		"process is not": {"-target " + serve(t, echo) + " -plaintext -pid 4194303", "process 4194303"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			err := bench(t.Context(), strings.Fields(test.args+" -rounds 1 -time 50ms -out="), &out)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error = %v, want %q\n%s", err, test.want, out.String())
			}
		})
	}
}
