package main

import (
	"slices"
	"time"

	"sallyport/bench/load"
	"sallyport/bench/report"
	"sallyport/bench/subject"
)

// workloads are all that there are, in the order in which they are run and reported.
func workloads() []workload {
	return slices.Concat(handshakes(), transfers(), messages(), idleness(), plaintext(), features(), pressure())
}

// Units that several workloads share, and what they are counted in.
const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
)

// wide is the size of the peers' buffers where bytes are moved in bulk: with their defaults of 16 KiB they would be at a disadvantage.
const wide = 64 * kib

// short is connect, handshake, 64 bytes there and back, close; eight at a time, so that the proxy never waits.
func short() load.Job { return load.Job{Kind: load.Sessions, Connections: 8, Message: 64} }

// stream moves 4 MiB at a time, again and again on four connections.
func stream(direction load.Kind) load.Job {
	return load.Job{Kind: direction, Connections: 4, Message: 4 * mib}
}

// handshakes are about what a new session costs. What is not said is TLS 1.3, AES-128-GCM, X25519, ECDSA on P-256.
func handshakes() []workload {
	return []workload{{
		Workload: report.Workload{Name: "handshake-ecdsa", Title: "full handshake, ECDSA P-256, X25519", Unit: "session"},
		task:     subject.Task{Mode: subject.Secure},
		job:      short(),
		quick:    true,
	}, {
		Workload: report.Workload{Name: "handshake-rsa", Title: "full handshake, RSA-2048, X25519", Unit: "session"},
		task:     subject.Task{Mode: subject.Secure, RSA: true},
		job:      short(),
	}, {
		Workload: report.Workload{Name: "handshake-hybrid", Title: "full handshake, ECDSA P-256, X25519MLKEM768", Unit: "session"},
		task:     subject.Task{Mode: subject.Secure, Hybrid: true},
		job:      short(),
	}, {
		Workload: report.Workload{Name: "resumed", Title: "resumed handshake", Unit: "session"},
		task:     subject.Task{Mode: subject.Secure},
		job:      short(),
		resume:   true,
		quick:    true,
	}, {
		Workload: report.Workload{Name: "mutual-tls", Title: "full handshake with a client certificate", Unit: "session"},
		task:     subject.Task{Mode: subject.Secure, ClientAuth: true},
		job:      short(),
	}}
}

// transfers are about what bytes cost.
func transfers() []workload {
	return []workload{{
		Workload: report.Workload{Name: "bulk-down", Title: "bulk from the server, 4 connections", Unit: "GiB"},
		task:     subject.Task{Mode: subject.Secure, Buffers: wide},
		job:      stream(load.Down),
		per:      gib,
		quick:    true,
	}, {
		Workload: report.Workload{Name: "bulk-up", Title: "bulk to the server, 4 connections", Unit: "GiB"},
		task:     subject.Task{Mode: subject.Secure, Buffers: wide},
		job:      stream(load.Up),
		per:      gib,
		quick:    true,
	}}
}

// messages are about what a small message costs, and how long it takes.
func messages() []workload {
	return []workload{{
		Workload: report.Workload{Name: "pingpong-1", Title: "128 bytes there and back, 1 connection", Unit: "message"},
		task:     subject.Task{Mode: subject.Secure},
		job:      load.Job{Kind: load.Exchange, Connections: 1, Message: 128},
	}, {
		Workload: report.Workload{Name: "pingpong-64", Title: "128 bytes there and back, 64 connections", Unit: "message"},
		task:     subject.Task{Mode: subject.Secure},
		job:      load.Job{Kind: load.Exchange, Connections: 64, Message: 128},
		quick:    true,
	}, {
		Workload: report.Workload{Name: "pingpong-1000", Title: "128 bytes there and back, 1,000 connections", Unit: "message"},
		task:     subject.Task{Mode: subject.Secure},
		job:      load.Job{Kind: load.Exchange, Connections: 1000, Message: 128},
	}}
}

// settled is when everybody is done with what connections leave behind: sallyport gives memory back at the end of five quiet seconds, which
// may begin five seconds late.
const settled = 12 * time.Second

// idleness is about what sessions cost that are only there.
func idleness() []workload {
	return []workload{{
		Workload: report.Workload{Name: "start", Title: "memory at start, and the program's size", Unit: "connection"},
		task:     subject.Task{Mode: subject.Secure},
		job:      load.Job{Kind: load.Idle}, // without connections: about the process alone
		memory:   true,
	}, {
		Workload: report.Workload{Name: "idle-quick", Title: "1,000 idle connections after a message of 16 KiB", Unit: "connection"},
		task:     subject.Task{Mode: subject.Secure},
		job:      load.Job{Kind: load.Idle, Connections: 1000, Message: 16 * kib},
		memory:   true,
		settle:   settled,
		once:     true,
		quick:    true,
		smaller:  true,
	}, {
		Workload: report.Workload{Name: "idle-16k", Title: "10,000 idle connections after a message of 16 KiB", Unit: "connection"},
		task:     subject.Task{Mode: subject.Secure},
		job:      load.Job{Kind: load.Idle, Connections: 10_000, Message: 16 * kib, Spread: 8},
		memory:   true,
		settle:   settled,
	}, {
		Workload: report.Workload{Name: "idle-1k", Title: "10,000 idle connections after a message of 1 KiB", Unit: "connection"},
		task:     subject.Task{Mode: subject.Secure},
		job:      load.Job{Kind: load.Idle, Connections: 10_000, Message: 1 * kib, Spread: 8},
		memory:   true,
		settle:   settled,
	}, {
		Workload: report.Workload{Name: "burst-5000", Title: "5,000 connections opened at once", Unit: "connection"},
		task:     subject.Task{Mode: subject.Secure},
		job:      load.Job{Kind: load.Idle, Connections: 5000, Message: 1 * kib, AtOnce: true, Spread: 8},
		memory:   true,
	}}
}

// plaintext is about passing bytes on as they are.
func plaintext() []workload {
	return []workload{{
		Workload: report.Workload{Name: "plaintext-short", Title: "plaintext: short sessions", Unit: "session"},
		task:     subject.Task{Mode: subject.Plaintext},
		job:      short(),
		quick:    true,
	}, {
		Workload: report.Workload{Name: "plaintext-bulk", Title: "plaintext: bulk from the server, 4 connections", Unit: "GiB"},
		task:     subject.Task{Mode: subject.Plaintext, Buffers: wide},
		job:      stream(load.Down),
		per:      gib,
		quick:    true,
	}}
}

// features are about what sallyport does besides, held against itself without it.
func features() []workload {
	return []workload{{
		Workload: report.Workload{Name: "detect", Title: "full handshake: secure port, and auto-detect port", Unit: "session"},
		task:     subject.Task{Mode: subject.Secure},
		job:      short(),
		variants: []variant{
			{"auto-detect", func(t *subject.Task) { t.Mode = subject.AutoDetect }},
		},
	}, {
		Workload: report.Workload{Name: "policy", Title: "full handshake: no client definitions, and many", Unit: "session"},
		task:     subject.Task{Mode: subject.Secure},
		job:      short(),
		variants: []variant{
			{"10 definitions", func(t *subject.Task) { t.Definitions = 10 }},
			{"10,000 definitions", func(t *subject.Task) { t.Definitions = 10_000 }},
			{"100,000 definitions", func(t *subject.Task) { t.Definitions = 100_000 }},
		},
	}, {
		Workload: report.Workload{Name: "features", Title: "full handshake: nothing else, and everything", Unit: "session"},
		task:     subject.Task{Mode: subject.Secure},
		job:      short(),
		variants: []variant{
			{"access log", func(t *subject.Task) { t.AccessLog = true }},
			{"limits", func(t *subject.Task) { t.Limits = true }},
			{"all but the log", func(t *subject.Task) { t.Definitions, t.Limits = 100_000, true }},
			{"everything", func(t *subject.Task) { t.Definitions, t.Limits, t.AccessLog = 100_000, true, true }},
		},
	}, {
		Workload: report.Workload{Name: "processors", Title: "full handshake: one processor, and two", Unit: "session"},
		task:     subject.Task{Mode: subject.Secure, Processors: 1},
		job:      short(),
		variants: []variant{
			{"on two", func(t *subject.Task) { t.Processors = 2 }},
		},
	}}
}

// pressure is about what others do to sessions that have done nothing.
func pressure() []workload {
	const pace = 10 * time.Millisecond
	return []workload{{
		Workload: report.Workload{Name: "reload", Title: "128 bytes there and back, 64 connections: left alone, and while the configuration is reloaded", Unit: "message"},
		task:     subject.Task{Mode: subject.Secure},
		job:      load.Job{Kind: load.Exchange, Connections: 64, Message: 128},
		variants: []variant{
			{"reloading", func(t *subject.Task) { t.Reload = true }},
		},
	}, {
		Workload: report.Workload{Name: "slow", Title: "bulk from the server, 4 connections, beside 1,000 that read 1 KiB/s", Unit: "GiB"},
		task:     subject.Task{Mode: subject.Secure, Buffers: wide},
		job:      load.Job{Kind: load.Slow, Connections: 4, Message: 4 * mib, Beside: 1000},
		per:      gib,
	}, {
		Workload: report.Workload{Name: "paced", Title: "32 connections with 128 bytes every 10 ms, left alone", Unit: "message"},
		task:     subject.Task{Mode: subject.Secure},
		job:      load.Job{Kind: load.Flood, Connections: 32, Message: 128, Pace: pace},
	}, {
		Workload: report.Workload{Name: "flood", Title: "32 connections with 128 bytes every 10 ms, in a flood of handshakes", Unit: "message", Calm: "paced"},
		task:     subject.Task{Mode: subject.Secure},
		job:      load.Job{Kind: load.Flood, Connections: 32, Message: 128, Pace: pace, Beside: 256},
	}}
}
