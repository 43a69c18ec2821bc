//go:build integration

package integration

import (
	"cmp"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
)

// far is a server's host: a sidecar that takes the pinned client alone, before a server.
type far struct {
	namespace
	socket
	rig     *rig
	name    string // "primary" or "backup"
	sidecar *sallyport
}

const ingressConfig = `
limits.dead_peer_timeout = "3s"
[[application]]
name = "server"
certificate     = "${certificate}"
certificate_key = "${key}"
trusted_ca      = "${ca}"
  [application.upstream]
  primary = "${server}"
  [[application.port]]
  id     = "secure"
  listen = "[::]:${port}"
  mode   = "secure"
  client_auth = "require"
`

// start starts the sidecar before the server that is to be on this host.
func (f *far) start(t *testing.T) { f.startBefore(t, serverAddress) }

func (f *far) startBefore(t *testing.T, server string) {
	t.Helper()
	f.sidecar = launch{prefix: f.exec, policy: f.policy()}.start(t, expand(t, ingressConfig, vars{
		"certificate": f.rig.shown.certificate, "key": f.rig.shown.key, "ca": f.rig.ca.file, "server": server, "port": farPort,
	}))
}

// again starts the sidecar anew after it was killed.
func (f *far) again(t *testing.T) {
	t.Helper()
	f.sidecar.rerun(t, f.exec...)
}

// serves has a server of the test's own on this host: each connection is given to handle.
func (f *far) serves(t *testing.T, handle func(*net.TCPConn)) {
	t.Helper()
	serveOn(t, f.listen(t, serverAddress), handle)
}

// endpoint is where the client's sidecar finds this one.
func (f *far) endpoint() string { return net.JoinHostPort(f.four, farPort) }

// rerun starts the binary again on the configuration of a process that has ended. Its log begins anew.
func (s *sallyport) rerun(t *testing.T, prefix ...string) {
	t.Helper()
	<-s.exited
	command := plus(prefix, binary(), "run", "--config", s.config)
	s.process = start(t, exec.Command(command[0], command[1:]...))
	clear(s.returned)
	s.waitReady(t)
}

const egressConfig = `
limits.dead_peer_timeout = "3s"
limits.dial_timeout = "${dial}"
[[application]]
name = "to-server"
  [application.upstream]
  ${upstream}
    [application.upstream.tls]
    server_name     = "db.example.com"
    trusted_ca      = "${ca}"
    certificate     = "${certificate}"
    certificate_key = "${key}"
${source}${health}
  [[application.port]]
  id     = "local"
  listen = "${local}"
  mode   = "plaintext"
`

// near is what a test wants of the sidecar beside the client; the zero value knows the primary alone.
type near struct {
	upstream string // lines of the upstream's table
	health   string // lines of its table; none: there is none
	address  string // of the source, or two in quotation marks; IPv4 if there is none
	ports    string // of the source; those of the rig if there are none
	wait     string // for a source port
	dial     string // dial_timeout
	prefix   []string
}

// config writes what the sidecar is to know, for the pins of the rig.
func (n near) config(t *testing.T, r *rig) string {
	t.Helper()
	address := cmp.Or(n.address, clientSocket.four)
	if !strings.Contains(address, `"`) {
		address = `"` + address + `"`
	}
	source := "    [application.upstream.source]\n    address = [" + address + "]\n"
	for _, key := range []struct{ name, value string }{
		{"ports", cmp.Or(n.ports, r.pins.ports)}, {"backup_ports", r.pins.backup},
		{"health_ports", r.pins.health}, {"wait", cmp.Or(n.wait, "5s")},
	} {
		if key.value != "" {
			source += fmt.Sprintf("    %s = %q\n", key.name, key.value)
		}
	}
	health := ""
	if n.health != "" {
		health = "    [application.upstream.health]\n" + n.health + "\n"
	}
	return expand(t, egressConfig, vars{
		"upstream": cmp.Or(n.upstream, "primary = \""+r.primary.endpoint()+"\""), "source": source, "health": health,
		"dial":  cmp.Or(n.dial, "3s"),
		"local": nearAddress, "ca": r.ca.file, "certificate": r.user.certificate, "key": r.user.key,
	})
}

// both is an upstream with the primary and its backup, and more lines.
func (r *rig) both(more ...string) string {
	return strings.Join(plus([]string{"primary = \"" + r.primary.endpoint() + "\"", "backup = \"" + r.backup.endpoint() + "\""}, more...), "\n  ")
}

// startEgress starts the sidecar beside the client.
func (r *rig) startEgress(t *testing.T, n near) {
	t.Helper()
	r.egress = launch{prefix: plus(r.clients.exec, n.prefix...)}.start(t, n.config(t, r))
}

// connect is a new client of the sidecar beside it.
func (r *rig) connect(t *testing.T) *net.TCPConn {
	t.Helper()
	return r.clients.dial(t, nearAddress)
}
