//go:build integration

package integration

import (
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// programs are the real programs that tests drive, by name: where else than in PATH Debian keeps them, and in which package.
var programs = map[string]struct{ place, debian string }{
	"curl":                    {debian: "curl"},
	"dovecot":                 {"/usr/sbin/dovecot", "dovecot-imapd"},
	"exim4":                   {"/usr/sbin/exim4", "exim4-daemon-light"},
	"haproxy":                 {"/usr/sbin/haproxy", "haproxy"},
	"initdb":                  {"/usr/lib/postgresql/*/bin/initdb", "postgresql"},
	"ip":                      {"/usr/sbin/ip", "iproute2"},
	"ldapsearch":              {debian: "ldap-utils"},
	"ldapwhoami":              {debian: "ldap-utils"},
	"nft":                     {"/usr/sbin/nft", "nftables"},
	"nsenter":                 {debian: "util-linux"},
	"openssl":                 {debian: "openssl"},
	"pgbench":                 {"/usr/lib/postgresql/*/bin/pgbench", "postgresql"},
	"postgres":                {"/usr/lib/postgresql/*/bin/postgres", "postgresql"},
	"prlimit":                 {debian: "util-linux"},
	"psql":                    {"/usr/lib/postgresql/*/bin/psql", "postgresql-client"},
	"redis-benchmark":         {debian: "redis-tools"},
	"redis-cli":               {debian: "redis-tools"},
	"redis-server":            {debian: "redis-server"},
	"slapadd":                 {"/usr/sbin/slapadd", "slapd"},
	"slapd":                   {"/usr/sbin/slapd", "slapd"},
	"socat":                   {debian: "socat"},
	"swaks":                   {debian: "swaks"},
	"Net::SSLeay":             {"/usr/lib/*/perl5/*/Net/SSLeay.pm", "libnet-ssleay-perl"}, // swaks loads it for TLS
	"systemd-socket-activate": {debian: "systemd"},
}

// need returns the path of a program, Debian's own place first. Without it the test is skipped, and the suite says so
// at its end.
func need(t *testing.T, name string) string {
	t.Helper()
	program, known := programs[name]
	if !known {
		t.Fatalf("%s is not in the list of programs", name)
	}
	if program.place != "" {
		if places, _ := filepath.Glob(program.place); len(places) > 0 {
			return slices.Max(places) // the newest version
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed (Debian package %s)", name, program.debian)
	}
	return path
}
