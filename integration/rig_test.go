//go:build integration

package integration

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// What is where in a rig. Ports can be the same in every rig: its hosts are its own.
const (
	deadHost      = "10.1.0.5"       // an address of the primary's host where nothing answers
	farPort       = "2021"           // of the sidecars beside the servers
	nearAddress   = "127.0.0.1:2020" // where clients find the sidecar beside them
	serverAddress = "127.0.0.1:5432" // of the servers that are protected, on their hosts
)

// rig is a client's host and those of a primary server and its backup, with a firewall between them that lets pinned
// tuples through and nothing else. Sidecars speak TLS to each other across it.
type rig struct {
	network         // whose router is the firewall
	primary, backup *far
	pins            pins
	ca              *authority
	shown           pair       // by the sidecars beside the servers
	user            pair       // by the one beside the client
	egress          *sallyport // beside the client, once it runs
}

// pins are the client-side port definition, in the words of the configuration.
type pins struct{ ports, backup, health string }

// towards returns the ports from which a host is reached, as firewalls and policies take them.
func (p pins) towards(f *far) []string {
	ports := p.ports
	if f == f.rig.backup && p.backup != "" {
		ports = p.backup
	}
	list := strings.Split(ports, ", ")
	if p.health != "" {
		list = append(list, p.health)
	}
	return list
}

// socket is one end of a cable: a host's interface with its addresses, and its way to the others.
type socket struct{ four, fourGateway, six, sixGateway string }

var (
	clientSocket  = socket{clientHost, "10.2.0.1", "fd00:2::5", "fd00:2::1"}
	primarySocket = socket{serverHost, "10.1.0.1", "fd00:1::4", "fd00:1::1"}
	backupSocket  = socket{"10.3.0.4", "10.3.0.1", "fd00:3::4", "fd00:3::1"}
)

// plug connects a host to its network, for the first time or again.
func (ns namespace) plug(t *testing.T, s socket) {
	t.Helper()
	ns.ip(t,
		"address replace "+s.four+"/24 dev eth0",
		"link set eth0 up",
		"address replace "+s.six+"/64 dev eth0 nodad",
		"route replace default via "+s.fourGateway,
		"-6 route replace default via "+s.sixGateway,
	)
}

// unplug pulls the cable: nothing goes in or out any more, and nobody is told.
func (ns namespace) unplug(t *testing.T) {
	t.Helper()
	ns.ip(t, "link set eth0 down")
}

func (ns namespace) ip(t *testing.T, commands ...string) {
	t.Helper()
	for _, command := range commands {
		ns.run(t, need(t, "ip"), strings.Fields(command)...)
	}
}

// newRig makes the network; nobody serves there yet. At the end, nobody may have tried to get through the firewall other
// than from a pin.
func newRig(t *testing.T, p pins) *rig {
	t.Helper()
	r := &rig{network: newNetwork(t), pins: p, ca: newAuthority(t, "rig CA")}
	r.shown, r.user = r.ca.server(t, "db.example.com"), r.ca.client(t, "the client's host")
	r.primary = &far{rig: r, name: "primary", namespace: r.network.server, socket: primarySocket}
	r.backup = &far{rig: r, name: "backup", namespace: newNamespace(t), socket: backupSocket}
	r.router.ip(t,
		"link add name backups type veth peer name eth0 netns "+r.backup.namespace.name,
		"link set backups up",
		"address add 10.3.0.1/24 dev backups",
		"address add fd00:1::1/64 dev servers nodad",
		"address add fd00:2::1/64 dev clients nodad",
		"address add fd00:3::1/64 dev backups nodad",
	)
	r.router.run(t, "/bin/sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding")
	r.clients.plug(t, clientSocket)
	r.primary.plug(t, primarySocket)
	r.backup.plug(t, backupSocket)
	r.openPins(t)
	t.Cleanup(func() {
		if n := r.dropped(t, "strangers"); n != 0 {
			t.Errorf("the firewall dropped %d attempts to connect from something that is no pin", n)
		}
	})
	return r
}

// openPins has the firewall let through what begins at a pin, what belongs to it, and nothing else. What it drops it
// counts: strangers are attempts to connect, strays are other packets.
func (r *rig) openPins(t *testing.T) {
	t.Helper()
	var four, six []string
	for _, f := range []*far{r.primary, r.backup} {
		for _, ports := range r.pins.towards(f) {
			four = append(four, tuple(clientSocket.four, ports, f.four))
			six = append(six, tuple(clientSocket.six, ports, f.six))
			if f == r.primary {
				four = append(four, tuple(clientSocket.four, ports, deadHost))
			}
		}
	}
	r.router.firewall(t, expand(t, `
table inet filter {
	counter strangers { }
	counter strays { }
	set four {
		type ipv4_addr . inet_service . ipv4_addr . inet_service
		flags interval
		elements = { ${four} }
	}
	set six {
		type ipv6_addr . inet_service . ipv6_addr . inet_service
		flags interval
		elements = { ${six} }
	}
	chain forward {
		type filter hook forward priority 0; policy drop;
		ct state established accept
		ip saddr . tcp sport . ip daddr . tcp dport @four accept
		ip6 saddr . tcp sport . ip6 daddr . tcp dport @six accept
		tcp flags & (syn | ack) == syn counter name strangers drop
		counter name strays drop
	}
}
`, vars{"four": strings.Join(four, ", "), "six": strings.Join(six, ", ")}))
}

// tuple is an element of the firewall's sets.
func tuple(client, ports, server string) string {
	return strings.Join([]string{client, ports, server, farPort}, " . ")
}

// dropped returns how many packets the firewall has counted as one or the other.
func (r *rig) dropped(t *testing.T, counter string) int {
	t.Helper()
	nft := plus(r.router.exec, need(t, "nft"), "-j", "list", "counter", "inet", "filter", counter)
	out, err := exec.Command(nft[0], nft[1:]...).Output() // not by client, which ends with the test
	must(t, err)
	var answer struct {
		Nftables []struct{ Counter *struct{ Packets int } }
	}
	must(t, json.Unmarshal(out, &answer))
	for _, object := range answer.Nftables {
		if object.Counter != nil {
			return object.Counter.Packets
		}
	}
	t.Fatalf("no counter %s: %s", counter, out)
	return 0
}

// policy lets the client in from its pins alone.
func (f *far) policy() string {
	return fmt.Sprintf(`
[[client]]
name = "pinned"
addresses = [%q, %q]
ports = ["%s"]
identities = ["cn:the client's host"]

[[allow]]
id = "pinned-to-server"
from = ["pinned"]
to = ["server/secure"]
owner = "test"
`, clientSocket.four, clientSocket.six, strings.Join(f.rig.pins.towards(f), `", "`))
}
