package main

import (
	"crypto/tls"
	"fmt"
	"time"

	"sallyport/bench/load"
	"sallyport/bench/report"
	"sallyport/bench/subject"
)

// workload is one thing that all contestants do; the table of them is [workloads].
type workload struct {
	report.Workload
	task     subject.Task
	job      load.Job // Address and Security are filled in
	resume   bool
	per      float64       // of the load's units in one unit of the report; 0: 1
	memory   bool          // connections, if any, are opened, and what they cost is measured while nothing happens
	settle   time.Duration // of a memory workload: how long connections are left alone at least
	once     bool          // one round is enough: what is measured does not depend on the moment
	variants []variant     // of sallyport instead of the peers
	quick    bool          // part of the quick run
	smaller  bool          // part of no other: a larger one takes its place there
}

// variant is sallyport with something more to do.
type variant struct {
	name   string
	change func(*subject.Task)
}

// security is what a client asks for and expects of a task.
func (w workload) security(t subject.Task, keys subject.Keys) *load.Security {
	if t.Mode == subject.Plaintext {
		return nil
	}
	s := &load.Security{
		CA:         keys.CA,
		ServerName: subject.ServerName,
		Version:    tls.VersionTLS13,
		Cipher:     tls.TLS_AES_128_GCM_SHA256,
		Group:      uint16(tls.X25519),
		Signer:     "ECDSA",
		Resume:     w.resume,
	}
	if t.Hybrid {
		s.Group = uint16(tls.X25519MLKEM768)
	}
	if t.RSA {
		s.Signer = "RSA"
	}
	if t.ClientAuth {
		s.Certificate, s.Key = keys.Client.Certificate, keys.Client.Key
	}
	return s
}

// jobFor is the workload's job against a contestant.
func (w workload) jobFor(c contestant, address string, keys subject.Keys, d time.Duration) load.Job {
	job := w.job
	job.Address, job.Duration, job.Security = address, d, w.security(c.task, keys)
	return job
}

// within is the workload with no more connections than a proxy has descriptors for, which its title then says.
func (w workload) within(room int) workload {
	if w.job.Connections > room {
		w.Title += fmt.Sprintf(" (here %d: descriptors are limited)", room)
		w.job.Connections = room
	}
	return w
}

// runs reports whether the workload is part of a run.
func (w workload) runs(quick bool) bool {
	if quick {
		return w.quick
	}
	return !w.smaller
}
