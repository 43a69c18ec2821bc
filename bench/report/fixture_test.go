package report

import "time"

// exampleRun is a run with peers, a variant, a skip, a failure, and goals of every outcome. Figures of the first round are as
// given; the second is 2 %, the third 4 % above.
func exampleRun() *Run {
	run := &Run{Header: Header{
		Started: time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC), Ended: time.Date(2026, 7, 1, 12, 5, 0, 0, time.UTC),
		Rounds: 3, Time: 2 * time.Second, Command: "go run ./bench -rounds 3",
		Machine:  Machine{Processor: "Example CPU", CPUs: 2, Kernel: "Linux 6.18", Go: "go1.26", ProxyCPU: 0, LoadCPU: 1},
		Subjects: map[string]string{"sallyport": "sallyport 1", "haproxy": "HAProxy <2.6>"},
		Workloads: []Workload{
			{Name: "handshake-ecdsa", Title: "full handshake", Unit: "session"},
			{Name: "bulk-down", Title: "bulk from the server", Unit: "GiB"},
			{Name: "log", Title: "access log", Unit: "session"},
			{Name: "idle", Title: "idle sessions", Unit: "connection"},
		},
		Sessions: 9940,
	}}
	add := func(workload, contestant string, values map[Metric]float64) {
		for round := range 3 {
			s := Sample{Workload: workload, Contestant: contestant, Round: round + 1, Values: make(map[Metric]float64)}
			for m, v := range values {
				s.Values[m] = v * (1 + .02*float64(round))
			}
			s.Values[Noise] = .01 * float64(round)
			run.Samples = append(run.Samples, s)
		}
	}
	session := func(cpu, latency float64) map[Metric]float64 {
		return map[Metric]float64{ProxyCPU: cpu, TotalCPU: 3 * cpu, Rate: .9 / cpu, P50: latency, P90: 2 * latency, P99: 5 * latency, P999: 9 * latency, Longest: 20 * latency}
	}
	add("handshake-ecdsa", "sallyport", session(300e-6, 3e-3))
	add("handshake-ecdsa", "haproxy", session(320e-6, 3.2e-3))
	add("handshake-ecdsa", "nginx", session(330e-6, 3.1e-3))
	add("handshake-ecdsa", Direct, session(250e-6, 2e-3))
	add("bulk-down", "sallyport", map[Metric]float64{ProxyCPU: 1.05, Rate: .9, Syscalls: 36, P50: 0})
	add("bulk-down", "haproxy", map[Metric]float64{ProxyCPU: 1.17, Rate: .8, Syscalls: 101})
	add("log", "sallyport", session(300e-6, 3e-3))
	add("log", "sallyport access log", session(309e-6, 3e-3))
	add("idle", "sallyport", map[Metric]float64{Pss: 25 << 10, IdleCPU: 0})
	run.Samples[1].Seen = map[string]int{"TLS 1.3 resumed=false": 100}
	run.Samples = append(run.Samples, Sample{Workload: "bulk-down", Contestant: "nginx", Round: 1,
		Values: map[Metric]float64{ProxyCPU: .001}, Failures: map[string]int{"wrong bytes <b>": 2}})
	run.Skipped = []Skip{
		{Workload: "log", Contestant: "stunnel", Why: "is not installed"},
		{Workload: "idle", Contestant: "stunnel", Why: "is not installed"},
	}
	run.Goals = []Goal{
		{Title: "full handshake", Workload: "handshake-ecdsa", Contestant: "sallyport", Metric: ProxyCPU, AtMost: .95, Against: BestPeer},
		{Title: "bulk", Workload: "bulk-down", Contestant: "sallyport", Metric: ProxyCPU, AtMost: .8, Against: BestPeer},
		{Title: "system calls", Workload: "bulk-down", Contestant: "sallyport", Metric: Syscalls, AtMost: 34},
		{Title: "idle memory", Workload: "idle", Contestant: "sallyport", Metric: Pss, AtMost: 26 << 10},
		{Title: "idle CPU", Workload: "idle", Contestant: "sallyport", Metric: IdleCPU, AtMost: .0005},
		{Title: "access log", Workload: "log", Contestant: "sallyport access log", Metric: ProxyCPU, AtMost: 1.05, Against: "sallyport"},
		{Title: "rate", Workload: "handshake-ecdsa", Contestant: "sallyport", Metric: Rate, AtLeast: 1.5, Against: "haproxy"},
		{Title: "mutual TLS", Workload: "mutual-tls", Contestant: "sallyport", Metric: ProxyCPU, AtMost: 1, Against: BestPeer},
		{Title: "against stunnel", Workload: "log", Contestant: "sallyport", Metric: ProxyCPU, AtMost: 1, Against: "stunnel"},
	}
	return run
}
