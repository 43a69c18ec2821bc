// Package load is the clients' side of a measurement: it does the work, checks everything about it, and counts.
//
// A worker process runs one [Job] after the other; see [Serve] for how it is told to.
package load

import (
	"context"
	"fmt"
	"time"
)

// Job is one piece of work against one address.
type Job struct {
	Kind        Kind          `json:"kind"`
	Address     string        `json:"address"` // of the port under test, host:port
	Security    *Security     `json:"security,omitempty"`
	Connections int           `json:"connections"`       // at once
	Message     int           `json:"message"`           // bytes of each message; of each transfer for Down, Up and Slow
	Duration    time.Duration `json:"duration"`          // of the measured part
	Pace        time.Duration `json:"pace,omitempty"`    // of Exchange and Flood: between the messages of a connection; 0: each follows the last answer
	Beside      int           `json:"beside,omitempty"`  // of Slow: connections that read slowly; of Flood: handshakes that wait for an answer at once
	AtOnce      bool          `json:"at_once,omitempty"` // of Idle: all connections are opened at the same time, otherwise a few
	Plain       bool          `json:"plain,omitempty"`   // the server is a stranger: nothing is said to it but TLS, Say, and the messages of Exchange, which it has to echo
	Say         string        `json:"say,omitempty"`     // to a stranger, once connected
	Expect      string        `json:"expect,omitempty"`  // how a stranger's answer to Say, or its greeting, has to begin
	Source      Source        `json:"source,omitzero"`   // where connections come from
	Spread      int           `json:"spread,omitempty"`  // number of loopback addresses that connections come from in turn, without a Source
}

// Kind is what a job does.
type Kind string

const (
	Sessions Kind = "sessions" // one after the other on each connection: connect, handshake, a message there and back, close
	Exchange Kind = "exchange" // a message there and back, again and again on connections that stay
	Down     Kind = "down"     // bytes from the server, one transfer after the other on connections that stay
	Up       Kind = "up"       // bytes to the server, likewise; a transfer counts once its receipt is there
	Idle     Kind = "idle"     // a message there and back on each connection, before the measured part, and then nothing
	Slow     Kind = "slow"     // as Down, beside connections that read 1 KiB/s
	Flood    Kind = "flood"    // as Exchange, beside handshakes that are begun as fast as the machine can
)

// Security is the TLS of a job. A connection whose handshake gave anything else is a failure; what is zero is not expected.
type Security struct {
	CA          string `json:"ca"` // file; empty: the system's
	ServerName  string `json:"server_name"`
	Certificate string `json:"certificate,omitempty"` // file of the client's own, if any
	Key         string `json:"key,omitempty"`
	Version     uint16 `json:"version"` // expected, and the only one offered
	Cipher      uint16 `json:"cipher"`  // expected
	Group       uint16 `json:"group"`   // expected, and the only one offered
	Signer      string `json:"signer"`  // expected of the server's certificate: "ECDSA" or "RSA"; empty: any
	Resume      bool   `json:"resume"`  // every session but the first of a connection's place has to be resumed
}

// Result is what came of a job.
type Result struct {
	Units     float64        `json:"units"` // of the work: sessions, messages, bytes, connections held
	Wall      time.Duration  `json:"wall"`
	Latencies Latencies      `json:"latencies"`          // of each unit that has a beginning and an end; paced ones begin when they were due
	Flood     float64        `json:"flood,omitempty"`    // handshakes begun in a second
	Failures  map[string]int `json:"failures,omitempty"` // by what went wrong; any of them spoils a measurement
	Seen      map[string]int `json:"seen,omitempty"`     // what handshakes agreed on, with how many did
}

// task is a job in its three phases.
type task interface {
	prepare(ctx context.Context) error // connects what has to be there before the measured part
	run(ctx context.Context) error     // the measured part, until ctx ends
	close()
}

// task returns what carries the job out and writes into tally.
func (j Job) task(t *tally) (task, error) {
	d, err := j.dialer(t)
	if err != nil {
		return nil, err
	}
	if j.Plain && j.Kind != Sessions && j.Kind != Exchange && j.Kind != Idle {
		return nil, fmt.Errorf("a job of kind %q needs the bench's own server", j.Kind)
	}
	switch j.Kind {
	case Sessions:
		return &sessions{job: j, dialer: d, tally: t}, nil
	case Exchange:
		return &exchange{job: j, dialer: d, tally: t}, nil
	case Down, Up:
		return &bulk{job: j, dialer: d, tally: t}, nil
	case Idle:
		return &idle{job: j, dialer: d, tally: t}, nil
	case Slow:
		return &slow{job: j, dialer: d, tally: t, fast: &bulk{job: j, dialer: d, tally: t}}, nil
	case Flood:
		return &flood{job: j, dialer: d, tally: t, established: &exchange{job: j, dialer: d, tally: t}}, nil
	default:
		return nil, fmt.Errorf("job of unknown kind %q", j.Kind)
	}
}
