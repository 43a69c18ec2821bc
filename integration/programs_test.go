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
	"cp":                      {debian: "coreutils"},
	"curl":                    {debian: "curl"},
	"dd":                      {debian: "coreutils"},
	"dovecot":                 {"/usr/sbin/dovecot", "dovecot-imapd"},
	"ed":                      {debian: "ed"},
	"emacs":                   {debian: "emacs-nox"},
	"exim4":                   {"/usr/sbin/exim4", "exim4-daemon-light"},
	"haproxy":                 {"/usr/sbin/haproxy", "haproxy"},
	"initdb":                  {"/usr/lib/postgresql/*/bin/initdb", "postgresql"},
	"install":                 {debian: "coreutils"},
	"ip":                      {"/usr/sbin/ip", "iproute2"},
	"ldapsearch":              {debian: "ldap-utils"},
	"ldapwhoami":              {debian: "ldap-utils"},
	"mount":                   {"/usr/bin/mount", "mount"},
	"mv":                      {debian: "coreutils"},
	"nano":                    {debian: "nano"},
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
	"rsync":                   {debian: "rsync"},
	"script":                  {debian: "bsdutils"},
	"sed":                     {debian: "sed"},
	"setpriv":                 {debian: "util-linux"},
	"slapadd":                 {"/usr/sbin/slapadd", "slapd"},
	"slapd":                   {"/usr/sbin/slapd", "slapd"},
	"ss":                      {debian: "iproute2"},
	"socat":                   {debian: "socat"},
	"strace":                  {debian: "strace"},
	"swaks":                   {debian: "swaks"},
	"Net::SSLeay":             {"/usr/lib/*/perl5/*/Net/SSLeay.pm", "libnet-ssleay-perl"}, // swaks loads it for TLS
	"systemd-socket-activate": {debian: "systemd"},
	"unshare":                 {debian: "util-linux"},
	"vim":                     {debian: "vim"},
	"xtables-legacy-multi":    {"/usr/sbin/xtables-legacy-multi", "iptables"}, // iptables, as its first argument says
	"xtables-nft-multi":       {"/usr/sbin/xtables-nft-multi", "iptables"},
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
