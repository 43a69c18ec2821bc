//go:build integration

package integration

import (
	"regexp"
	"testing"
)

// One definition for both: what the firewall opens is what the policy allows.
const (
	pinnedFirewall = `
table ip filter {
	set pins {
		type ipv4_addr . inet_service . ipv4_addr . inet_service
		flags interval
		counter
		elements = { 10.2.0.5 . 20001-20004 . 10.1.0.4 . 2021, 10.2.0.5 . 20011 . 10.1.0.4 . 2021 }
	}
	chain in {
		type filter hook input priority 0; policy accept
		ip saddr . tcp sport . ip daddr . tcp dport @pins accept
		ip protocol tcp reject with icmp type admin-prohibited
	}
}
`
	pinnedPolicy = `
[[client]]
name = "t-server"
addresses = ["10.2.0.5"]
ports = ["20001-20004", "20011"]

[[allow]]
id = "tserver-to-config"
from = ["t-server"]
to = ["config-server/cti"]
tls = "plaintext"
owner = "test"
`
	serverConfig = `
[[application]]
name = "config-server"
  [application.upstream]
  primary = "builtin:echo"
  [[application.port]]
  id     = "cti"
  listen = "` + serverListen + `"
  mode   = "plaintext"
`
)

// TestFirewallAgrees opens only the pinned tuple in a real firewall, and then the firewall to everybody: sallyport alone
// stops the same clients that the firewall did.
func TestFirewallAgrees(t *testing.T) {
	n := newNetwork(t)
	n.server.firewall(t, pinnedFirewall)
	s := launch{prefix: n.server.exec, policy: pinnedPolicy}.start(t, serverConfig)
	tests := []struct {
		name, address, port string
		reason              string // of sallyport; empty where both let pass
	}{
		{"first port", clientHost, "20001", ""},
		{"last port", clientHost, "20004", ""},
		{"single port", clientHost, "20011", ""},
		{"one below", clientHost, "20000", "source_port_mismatch"},
		{"one above", clientHost, "20005", "source_port_mismatch"},
		{"one above the single port", clientHost, "20012", "source_port_mismatch"},
		{"a port that the kernel could choose", clientHost, "40001", "source_port_mismatch"},
		{"neighbour with the right port", neighbour, "20001", "no_rule"},
		{"neighbour", neighbour, "40001", "no_rule"},
	}
	for _, test := range tests {
		t.Run("firewall, "+test.name, func(t *testing.T) {
			want := firewalled
			if test.reason == "" {
				want = passed
			}
			if got := n.socat(t, test.address, test.port); got != want {
				t.Errorf("%s, want %s", got, want)
			}
			if test.reason == "" {
				s.wantRecord(t, fields{keySource: test.address + ":" + test.port, keyVerdict: verdictAllow, keyRule: "tserver-to-config"})
			}
		})
	}
	for _, r := range s.sessions() {
		if r.text(keyVerdict) != verdictAllow {
			t.Errorf("it got past the firewall: %v", r)
		}
	}
	n.server.firewall(t, "")
	for _, test := range tests {
		t.Run("sallyport alone, "+test.name, func(t *testing.T) {
			want, wanted := passed, fields{keySource: test.address + ":" + test.port, keyVerdict: verdictAllow, keyRule: "tserver-to-config"}
			if test.reason != "" {
				want, wanted = deniedByUs, fields{keySource: test.address + ":" + test.port, keyVerdict: verdictDeny, keyReason: test.reason}
			}
			if got := n.socat(t, test.address, test.port); got != want {
				t.Errorf("%s, want %s", got, want)
			}
			s.wantRecord(t, wanted)
		})
	}
}

// TestAddressTranslation puts a router that rewrites source ports between client and server: the client is denied, and
// the log says what to look for.
func TestAddressTranslation(t *testing.T) {
	n := newNetwork(t)
	s := launch{prefix: n.server.exec, policy: `
[[client]]
name = "t-server"
addresses = ["10.2.0.5"]
ports = ["20001-20010"]

[[client]]
name = "site-behind-nat"
addresses = ["10.1.0.1"]
ports = ["20001-20010"]

[[allow]]
id = "tserver-to-config"
from = ["t-server", "site-behind-nat"]
to = ["config-server/cti"]
tls = "plaintext"
owner = "test"
`}.start(t, serverConfig)
	const hint = "address translation on the way?"
	tests := []struct {
		name, nat     string
		address, port string // of the client; another port each time, because the router remembers its connections
		want          string
		record        fields
	}{
		{"none", "", clientHost, "20001", passed, fields{keySource: clientHost + ":20001"}},
		{"masquerade that keeps free ports", "masquerade", clientHost, "20002", passed, fields{keySource: routerHost + ":20002"}},
		{"masquerade random", "masquerade random", clientHost, "20003", deniedByUs, fields{
			keySource: containing(routerHost + ":"), keyReason: "source_port_mismatch", keyNearest: "tserver-to-config", keyHint: hint,
		}},
		{"same address, other ports", "ip protocol tcp snat to 10.2.0.5:30000-30010", clientHost, "20004", deniedByUs, fields{
			keySource: regexp.MustCompile(`^10\.2\.0\.5:300(0\d|10)$`).MatchString, keyReason: "source_port_mismatch", keyHint: hint,
		}},
		{"another address", "ip protocol tcp snat to " + otherRouter + ":20001-20004", clientHost, "20005", deniedByUs, fields{
			keySource: containing(otherRouter + ":2000"), keyReason: "no_rule", keyHint: "",
		}},
		// Why the right source port is a firewall aid and not authentication: who cares demands an identity.
		{"a neighbour's packets forged into the tuple", "ip saddr 10.2.0.6 ip protocol tcp snat to 10.2.0.5:20008-20009", neighbour, "20006", passed, fields{
			keySource: regexp.MustCompile(`^10\.2\.0\.5:2000[89]$`).MatchString,
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			n.router.firewall(t, `
table ip nat {
	chain out {
		type nat hook postrouting priority 100; policy accept
		oifname servers `+test.nat+`
	}
}
`)
			if got := n.socat(t, test.address, test.port); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
			test.record[keyVerdict] = verdictAllow
			if test.want == deniedByUs {
				test.record[keyVerdict] = verdictDeny
			}
			s.wantRecord(t, test.record)
		})
	}
}
