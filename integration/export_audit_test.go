//go:build integration

package integration

import (
	"errors"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestExportedRulesPassTheAudit loads what is exported, and the audit of the living firewall finds that it is what the policy says. Then
// one element is taken out, and the audit finds that, too.
func TestExportedRulesPassTheAudit(t *testing.T) {
	tests := []struct {
		name    string
		targets []string
		load    func(namespace, *testing.T, string)
		spoil   []string // a command
	}{
		{
			"nftables", []string{"nftables"},
			func(ns namespace, t *testing.T, file string) { ns.run(t, need(t, "nft"), "-f", file) },
			[]string{"nft", "delete element inet sallyport input4_open { 10.2.0.5 . 20011 . 10.1.0.4 . 2021 }"},
		},
		{
			"iptables", []string{"iptables", "ip6tables"},
			func(ns namespace, t *testing.T, file string) {
				program := strings.TrimPrefix(filepath.Ext(file), ".")
				ns.run(t, need(t, "xtables-nft-multi"), program+"-restore", "--noflush", file)
				ns.run(t, need(t, "xtables-nft-multi"), program, "-I", "INPUT", "-j", "SALLYPORT-IN")
			},
			[]string{"xtables-nft-multi", "iptables -D INPUT -j SALLYPORT-IN"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			host := newNamespace(t)
			var config string
			for _, target := range test.targets {
				file := exportedRules(t, target)
				config = filepath.Join(filepath.Dir(file), "config.toml")
				test.load(host, t, file)
			}
			audit := func() result {
				return client{}.run(t, host.exec[0], plus(host.exec[1:], binary(), "audit", "firewall", "--config", config)...)
			}
			if r := audit(); r.code != 0 || !strings.Contains(r.stdout, "firewall and policy agree: ") {
				t.Errorf("exit code %d\n%s", r.code, r.all)
			}
			host.run(t, need(t, test.spoil[0]), strings.Fields(test.spoil[1])...)
			if r := audit(); r.code != 3 || !strings.Contains(r.stdout, "firewall and policy do not agree: ") {
				t.Errorf("spoilt: exit code %d\n%s", r.code, r.all)
			}
		})
	}
}

// TestExportedRulesJudgeEverySYN closes a firewall on a tuple whose connection the server has just reset: connection tracking takes the next SYN
// on it for a packet of that connection.
func TestExportedRulesJudgeEverySYN(t *testing.T) {
	const after = "--as-of=3000-01-01" // the day on which the rule has gone
	source := netip.MustParseAddrPort("10.2.0.5:20001")
	tests := []struct {
		name string
		load func(namespace, *testing.T, ...string)
	}{
		{"nftables", func(ns namespace, t *testing.T, flags ...string) {
			ns.run(t, need(t, "nft"), "-f", exportedRules(t, "nftables", flags...))
		}},
		{"iptables", func(ns namespace, t *testing.T, flags ...string) {
			program := need(t, "xtables-nft-multi")
			ns.run(t, program, "iptables-restore", "--noflush", exportedRules(t, "iptables", flags...))
			ns.run(t, "/bin/sh", "-c", program+" iptables -C INPUT -j SALLYPORT-IN 2>/dev/null || "+program+" iptables -I INPUT -j SALLYPORT-IN")
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			host := newNamespace(t)
			host.ip(t, "address add 10.1.0.4/32 dev lo", "address add 10.2.0.5/32 dev lo")
			serveOn(t, host.listen(t, exported4), func(conn *net.TCPConn) {
				conn.Read(make([]byte, 1)) // until it is there for sure
				conn.SetLinger(0)
				conn.Close()
			})
			test.load(host, t, "--reject")
			conn, err := host.connectFrom(source, exported4)
			if err != nil {
				t.Fatal(err)
			}
			conn.SetDeadline(time.Now().Add(patience))
			if _, err := conn.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
				t.Fatalf("%v, want a reset", err)
			}
			conn.Close()
			test.load(host, t, "--reject", after)
			if conn, err := host.connectFrom(source, exported4); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("%v: through a firewall without the rule", err)
				if conn != nil {
					conn.Close()
				}
			}
		})
	}
}
