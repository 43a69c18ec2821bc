package main

import (
	"net"
	"net/netip"
	"os"
	"testing"

	"sallyport/internal/config"
	"sallyport/policy"
)

// TestSocketsOfThisHost has doctor see a listener and both ends of a connection, once as another program's and once as those
// of the sallyport that runs.
func TestSocketsOfThisHost(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()

	port := l.Addr().(*net.TCPAddr).AddrPort().Port()
	cfg := sourced(&config.Source{
		Addresses: []config.Located[netip.Addr]{address("127.0.0.1")},
		Ports:     []policy.PortRange{{First: port, Last: port}},
	})
	x := &examination{host: thisHost(), config: cfg, pins: pinsOf(cfg)}
	levels := make(map[level]int)
	for _, f := range portsInUse(x) {
		levels[f.Level]++
	}
	if levels[levelProblem] != 1 || levels[levelWarning] != 1 {
		t.Errorf("findings %v, want a problem with the listener and a warning of its connection", levels)
	}
	x.asRunning().running.PID = os.Getpid()
	checkFindings(t, "ok no other program is on source ports; 2 connections of sallyport", portsInUse(x))
}
