package main

import (
	"crypto/tls"
	"time"

	"sallyport/bench/load"
	"sallyport/bench/report"
	"sallyport/bench/subject"
)

// workload is one thing that all contestants do.
type workload struct {
	report.Workload
	task     subject.Task
	job      load.Job // Address and Security are filled in
	resume   bool
	per      float64   // of the load's units in one unit of the report; 0: 1
	memory   bool      // connections, if any, are opened, and what they cost is measured while nothing happens
	variants []variant // of sallyport instead of the peers
	quick    bool      // part of the quick run
}

// variant is sallyport with something more to do.
type variant struct {
	name   string
	change func(*subject.Task)
}

const gib = 1 << 30

// workloads are all that there are, in the order in which they are run and reported.
func workloads() []workload {
	short := load.Job{Kind: load.Sessions, Connections: 8, Message: 64}
	secure := subject.Task{Mode: subject.Secure}
	return []workload{
		{
			Workload: report.Workload{Name: "handshake-ecdsa", Title: "full handshake, ECDSA P-256, X25519", Unit: "session"},
			task:     secure, job: short, quick: true,
		},
		{
			Workload: report.Workload{Name: "resumed", Title: "resumed handshake", Unit: "session"},
			task:     secure, job: short, resume: true, quick: true,
		},
	}
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
