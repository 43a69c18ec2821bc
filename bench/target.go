package main

import (
	"flag"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"sallyport/bench/load"
	"sallyport/bench/report"
)

// target is a port that is already running, and what is done to it.
//
// There is no way to leave its certificate unverified. A load test that does not know whom it is talking to may measure
// anything, and -ca takes the server's own certificate where no CA has signed it: it is then trusted by itself.
type target struct {
	address     string
	plaintext   bool
	ca          string
	serverName  string
	certificate string
	key         string
	connections int
	message     int
	kinds       string
	send        string
	expect      string
	source      string
	pid         int

	chosen []string    // of the kinds
	from   load.Source // the source, understood
}

// What can be done to a target.
const (
	kindFull     = "full"     // sessions, each with a full handshake
	kindResumed  = "resumed"  // sessions that resume
	kindSessions = "sessions" // sessions in plaintext
	kindExchange = "exchange" // messages there and back
)

func (t *target) define(flags *flag.FlagSet) {
	flags.StringVar(&t.address, "target", "", "HOST:PORT to put load on, instead of a contest")
	flags.BoolVar(&t.plaintext, "plaintext", false, "the target takes no TLS")
	flags.StringVar(&t.ca, "ca", "", "file of the target's CA, or of its own certificate; the system's CAs if empty")
	flags.StringVar(&t.serverName, "server-name", "", "the name in the target's certificate, if not that of -target")
	flags.StringVar(&t.certificate, "cert", "", "file of a client certificate for the target")
	flags.StringVar(&t.key, "key", "", "file of its key")
	flags.IntVar(&t.connections, "connections", 8, "to the target at once")
	flags.IntVar(&t.message, "message", 128, "bytes of a message of the kind exchange")
	flags.StringVar(&t.kinds, "workload", "", "what is done to the target, separated by commas: full, resumed, exchange (the server has to echo); sessions or exchange with -plaintext")
	flags.StringVar(&t.send, "send", "", "text that each session sends to the target; escapes such as \\r\\n are understood")
	flags.StringVar(&t.expect, "expect", "", "how the target's answer has to begin")
	flags.StringVar(&t.source, "source", "", "where connections to the target come from: ADDRESS, ADDRESS:FIRST-LAST or :FIRST-LAST")
	flags.IntVar(&t.pid, "pid", 0, "the target's process, if it runs here: its CPU time is measured")
}

// check looks at what the flags themselves accept.
func (t *target) check(given map[string]bool) error {
	if t.address == "" {
		for _, name := range []string{"plaintext", "ca", "server-name", "cert", "key", "connections", "message", "workload", "send", "expect", "source", "pid"} {
			if given[name] {
				return usageError{fmt.Sprintf("-%s is about a target", name), "add -target HOST:PORT"}
			}
		}
		return nil
	}
	host, port, err := net.SplitHostPort(t.address)
	if err != nil || host == "" || port == "" {
		return usageError{fmt.Sprintf("-target %s: want HOST:PORT", t.address), "an IPv6 address stands in brackets: [2001:db8::1]:443"}
	}
	if t.serverName == "" {
		t.serverName = host
	}
	switch {
	case (t.certificate == "") != (t.key == ""):
		return usageError{"-cert and -key belong together", "a file with both is given twice"}
	case t.plaintext && (t.ca != "" || t.certificate != "" || given["server-name"]):
		return usageError{"-plaintext knows no certificates", "leave -ca, -cert, -key and -server-name away"}
	case t.connections < 1:
		return usageError{fmt.Sprintf("-connections %d: want at least 1", t.connections), ""}
	case t.message < 1 || t.message > 64<<10:
		return usageError{fmt.Sprintf("-message %d: want 1 to 65536 bytes", t.message), ""}
	}
	if t.chosen, err = t.choose(); err != nil {
		return err
	}
	if t.send, err = unescaped("-send", t.send); err != nil {
		return err
	}
	if t.expect, err = unescaped("-expect", t.expect); err != nil {
		return err
	}
	if t.source == "" {
		return nil
	}
	if t.from, err = load.ParseSource(t.source); err != nil {
		return usageError{"-" + err.Error(), "for example -source 10.2.0.5:20001-20004"}
	}
	if n := int(t.from.Last) - int(t.from.First) + 1; t.from.First > 0 && n < t.connections {
		return usageError{fmt.Sprintf("-source %s has %d ports for %d connections at once", t.source, n, t.connections), fmt.Sprintf("add -connections %d", n)}
	}
	return nil
}

// unescaped understands a flag's text as Go does a string.
func unescaped(name, text string) (string, error) {
	plain, err := strconv.Unquote(`"` + strings.NewReplacer(`"`, `\"`, "\n", `\n`).Replace(text) + `"`)
	if err != nil {
		return "", usageError{fmt.Sprintf("%s %s: no such escape", name, text), `a backslash itself is \\`}
	}
	return plain, nil
}

// choose returns the kinds that are asked for, or those that every target can do.
func (t *target) choose() ([]string, error) {
	possible, chosen := []string{kindFull, kindResumed, kindExchange}, []string{kindFull, kindResumed}
	if t.plaintext {
		possible, chosen = []string{kindSessions, kindExchange}, []string{kindSessions}
	}
	if t.kinds == "" {
		return chosen, nil
	}
	chosen = strings.Split(t.kinds, ",")
	for _, kind := range chosen {
		if !slices.Contains(possible, kind) {
			return nil, usageError{fmt.Sprintf("-workload %s: cannot do that to this target", kind), "it can be " + strings.Join(possible, ", ")}
		}
	}
	return chosen, nil
}

// workload is a kind as the report shows it.
func (t *target) workload(kind string) report.Workload {
	w := report.Workload{Name: kind, Unit: "session", Base: t.address}
	switch kind {
	case kindFull:
		w.Title = "sessions with a full handshake"
	case kindResumed:
		w.Title = "sessions that resume"
	case kindSessions:
		w.Title = "sessions in plaintext"
	case kindExchange:
		w.Title, w.Unit = fmt.Sprintf("%d bytes there and back", t.message), "message"
	}
	w.Title += fmt.Sprintf(", %d at once", t.connections)
	return w
}

// job is a kind as the load does it.
func (t *target) job(kind string) load.Job {
	job := load.Job{
		Kind:        load.Sessions,
		Address:     t.address,
		Connections: t.connections,
		Message:     t.message,
		Plain:       true,
		Say:         t.send,
		Expect:      t.expect,
		Source:      t.from,
	}
	if kind == kindExchange {
		job.Kind = load.Exchange
	}
	if !t.plaintext {
		job.Security = &load.Security{
			CA:          t.ca,
			ServerName:  t.serverName,
			Certificate: t.certificate,
			Key:         t.key,
			Resume:      kind == kindResumed,
		}
	}
	return job
}
