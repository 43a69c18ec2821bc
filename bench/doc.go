// The bench command measures sallyport side by side with haproxy, nginx, hitch and stunnel on this machine, or any
// port that is already running.
//
//	go run ./bench                 every workload, five rounds, a report in bench/out
//	go run ./bench -quick          the most telling ones, under three minutes
//	go run ./bench -list           what there is to measure
//	go run ./bench -target HOST:PORT -ca ca.crt
//
// It starts a backend, a proxy and the load itself: the proxy pinned to one processor, backend and load to another, one
// worker each. Subjects take turns within each round, so that what disturbs the machine disturbs all of them. The figure that
// counts is the CPU time that the proxy spent for a unit of work; rate and latency depend on who else uses the machine.
//
// The packages below it:
//
//	bench/load      clients: what is done, and everything that is checked about it
//	bench/backend   the plaintext server behind every proxy
//	bench/subject   the proxies: how each is configured and started
//	bench/meter     CPU time, memory and system calls of a process and its children
//	bench/pin       starting a program on one processor
//	bench/report    medians and ratios; terminal, JSON lines, HTML, comparison
package main
