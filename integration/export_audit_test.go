//go:build integration

package integration

import (
	"path/filepath"
	"strings"
	"testing"
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
