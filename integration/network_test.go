//go:build integration

package integration

import (
	"os/exec"
	"strings"
	"testing"
)

// The hosts of a network. A namespace cannot reach the addresses of the machine, so any would do.
const (
	clientHost   = "10.2.0.5"
	neighbour    = "10.2.0.6" // of the client
	routerHost   = "10.1.0.1" // what the server sees of a router that masquerades
	otherRouter  = "10.1.0.77"
	serverHost   = "10.1.0.4"
	serverListen = serverHost + ":2021"
)

// network is two networks of hosts and a router between them, each with its own firewall.
type network struct {
	clients, router, server namespace
}

func newNetwork(t *testing.T) network {
	t.Helper()
	n := network{clients: newNamespace(t), router: newNamespace(t), server: newNamespace(t)}
	ip := need(t, "ip")
	for _, command := range []struct {
		in   namespace
		args string
	}{
		{n.router, "link add name clients type veth peer name eth0 netns " + n.clients.name},
		{n.router, "link add name servers type veth peer name eth0 netns " + n.server.name},
		{n.router, "address add 10.2.0.1/24 dev clients"},
		{n.router, "address add " + routerHost + "/24 dev servers"},
		{n.router, "address add " + otherRouter + "/24 dev servers"},
		{n.router, "link set clients up"},
		{n.router, "link set servers up"},
		{n.clients, "address add " + clientHost + "/24 dev eth0"},
		{n.clients, "address add " + neighbour + "/24 dev eth0"},
		{n.clients, "link set eth0 up"},
		{n.clients, "route add default via 10.2.0.1"},
		{n.server, "address add " + serverHost + "/24 dev eth0"},
		{n.server, "link set eth0 up"},
		{n.server, "route add default via " + routerHost},
	} {
		command.in.run(t, ip, strings.Fields(command.args)...)
	}
	n.router.run(t, "/bin/sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
	return n
}

// firewall replaces all rules of a namespace.
func (ns namespace) firewall(t *testing.T, rules string) {
	t.Helper()
	nft := exec.Command(ns.exec[0], plus(ns.exec[1:], need(t, "nft"), "-f", "-")...)
	nft.Stdin = strings.NewReader("flush ruleset\n" + rules)
	if out, err := nft.CombinedOutput(); err != nil {
		t.Fatalf("nft: %v\n%s", err, out)
	}
}

// What becomes of a client at the server's address.
const (
	passed     = "passed"
	firewalled = "stopped by the firewall"
	deniedByUs = "denied by sallyport"
)

// socat lets socat in the clients' network say a word from an address and source port, and tells what became of it.
func (n network) socat(t *testing.T, address, port string) string {
	t.Helper()
	c := client{stdin: strings.NewReader("hello\n")}
	got := c.run(t, n.clients.exec[0], plus(n.clients.exec[1:], need(t, "socat"), "-t5", "-",
		"TCP4:"+serverListen+",bind="+address+":"+port+",reuseaddr,connect-timeout=5")...)
	switch {
	case got.stdout == "hello\n":
		return passed
	case strings.Contains(got.all, "No route to host"): // what an administrative prohibition becomes
		return firewalled
	case got.all == "", strings.Contains(got.all, "Connection reset by peer"), strings.Contains(got.all, "Broken pipe"): // socat does not complain of every reset
		return deniedByUs
	default:
		return got.all
	}
}
