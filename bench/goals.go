package main

import "sallyport/bench/report"

// ours is the contestant that goals are about; a variant's name follows it.
const ours = "sallyport"

// goals are what issue 6 asks for, in its order.
func goals() []report.Goal {
	return []report.Goal{
		// New sessions.
		{Title: "full handshake, ECDSA: CPU", Workload: "handshake-ecdsa", Contestant: ours, Metric: report.ProxyCPU, AtMost: 0.95, Against: report.BestPeer},
		{Title: "resumed handshake: CPU", Workload: "resumed", Contestant: ours, Metric: report.ProxyCPU, AtMost: 0.90, Against: report.BestPeer},
		{Title: "full handshake, mutual TLS: CPU", Workload: "mutual-tls", Contestant: ours, Metric: report.ProxyCPU, AtMost: 1.0, Against: report.BestPeer},

		// Bytes. The load's and the backend's share counts here: large writes help those that have to read them.
		{Title: "bulk down: CPU, load included", Workload: "bulk-down", Contestant: ours, Metric: report.TotalCPU, AtMost: 0.80, Against: report.BestPeer},
		{Title: "bulk up: CPU, load included", Workload: "bulk-up", Contestant: ours, Metric: report.TotalCPU, AtMost: 0.77, Against: report.BestPeer},
		{Title: "bulk down: system calls per MiB", Workload: "bulk-down", Contestant: ours, Metric: report.Syscalls, AtMost: 34},
		{Title: "bulk up: system calls per MiB", Workload: "bulk-up", Contestant: ours, Metric: report.Syscalls, AtMost: 45},
		{Title: "system calls per TLS session", Workload: "handshake-ecdsa", Contestant: ours, Metric: report.Syscalls, AtMost: 30},

		// Messages.
		{Title: "ping-pong, 64 connections: CPU", Workload: "pingpong-64", Contestant: ours, Metric: report.ProxyCPU, AtMost: 1.0, Against: report.BestPeer},
		{Title: "ping-pong, 64 connections: p99", Workload: "pingpong-64", Contestant: ours, Metric: report.P99, AtMost: 1.0, Against: report.BestPeer},

		// Sessions that are only there.
		{Title: "idle memory per session, after 16 KiB", Workload: "idle-16k", Contestant: ours, Metric: report.Pss, AtMost: 26 * kib},
		{Title: "idle memory per session, after 1 KiB", Workload: "idle-1k", Contestant: ours, Metric: report.Pss, AtMost: 12 * kib},
		{Title: "5,000 sessions at once: peak memory", Workload: "burst-5000", Contestant: ours, Metric: report.Peak, AtMost: 170 * mib},
		{Title: "10,000 idle sessions: CPU", Workload: "idle-16k", Contestant: ours, Metric: report.IdleCPU, AtMost: 0.0005}, // what rounds to 0.0 %

		// Plaintext.
		{Title: "plaintext bulk: CPU", Workload: "plaintext-bulk", Contestant: ours, Metric: report.ProxyCPU, AtMost: 0.60, Against: "haproxy"},
		{Title: "plaintext short sessions: CPU", Workload: "plaintext-short", Contestant: ours, Metric: report.ProxyCPU, AtMost: 1.1, Against: "nginx"},

		// The program.
		{Title: "memory at start", Workload: "start", Contestant: ours, Metric: report.StartRSS, AtMost: 12 * mib},
		{Title: "size of the program", Workload: "start", Contestant: ours, Metric: report.Binary, AtMost: 20 * mib},

		// What all that firewall-grade policy costs a handshake. Of about 30 system calls of a session one is 3 %: what is below is
		// the runtime's, which does not come at every session.
		{Title: "100,000 definitions, limits, log: CPU", Workload: "features", Contestant: ours + " everything", Metric: report.ProxyCPU, AtMost: 1.05, Against: ours},
		{Title: "100,000 definitions, limits: no system call", Workload: "features", Contestant: ours + " all but the log", Metric: report.Syscalls, AtMost: 1.02, Against: ours},
		{Title: "with the log: one system call, the line", Workload: "features", Contestant: ours + " everything", Metric: report.Syscalls, AtMost: 1.05, Against: ours},

		// 1.8 times as fast on two processors is, where the load needs one of them, 1/0.9 of the CPU for a session.
		{Title: "two processors, 1.8 times: CPU", Workload: "processors", Contestant: ours + " on two", Metric: report.ProxyCPU, AtMost: 2 / 1.8, Against: ours},
	}
}
