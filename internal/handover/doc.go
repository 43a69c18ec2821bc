// Package handover moves listening sockets from one process to the next over a UNIX socket, so that a restart refuses no
// client. It knows nothing about what the sockets are for.
//
// The process that runs gives, the one that comes takes:
//
//	giving                                taking
//	                    <- hello          who asks
//	offer, sockets ->                     who answers, and duplicates of all its sockets
//	                    <- take           everything is built; from here on the giver accepts nothing
//	state ->                              what the giver knew last
//	                    <- ready          nothing can fail any more
//	done ->                               from here on the sockets are the taker's
//	(closes the connection)               and all else is settled, too
//
// The giver decides: until it says done, it can go on as if nothing had happened, and does so if the taker goes away, gives up,
// or takes too long. The taker serves once the giver has said done or is gone. Each side may say at every step that it gives
// up, and why.
//
// Both sides check that the other is of the same user, or root. Where that cannot be checked, nothing is handed over
// ([errors.ErrUnsupported]).
package handover

import (
	"cmp"
	"errors"
	"os"
	"time"
)

// Process is one of the two.
type Process struct {
	PID     int    `json:"pid"`
	Version string `json:"version"` // of the program
}

// Socket is a listening socket on its way.
type Socket struct {
	Name    string // tells the taker what it is for
	Foreign bool   // somebody else made the socket and keeps it, such as systemd
	File    *os.File
}

// Patience is how long a process waits for the other. Zero means the default.
type Patience struct {
	Hello  time.Duration // for the first words; 5 s
	Stage  time.Duration // for the taker to build everything; 60 s
	Switch time.Duration // for each step in which nobody accepts; 10 s
}

func (p Patience) orDefault() Patience {
	return Patience{
		Hello:  cmp.Or(p.Hello, 5*time.Second),
		Stage:  cmp.Or(p.Stage, time.Minute),
		Switch: cmp.Or(p.Switch, 10*time.Second),
	}
}

// ErrGone says that the other process closed the connection without a word, as it does when it dies.
var ErrGone = errors.New("the other process is gone")

// Refusal is the other process' word that it gives up.
type Refusal struct{ Reason string }

func (r *Refusal) Error() string { return "the other process gave up: " + r.Reason }
