//go:build integration

package integration

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The servers to protect. Each speaks plaintext only, on a loopback port of its own, and ends with its test.

// startRedis returns the address of a Redis server that keeps nothing on disk.
func startRedis(t *testing.T) string {
	t.Helper()
	program, cli := need(t, "redis-server"), need(t, "redis-cli")
	user := accountOf(t, "redis")
	address := freeAddress(t)
	p := start(t, user.command(program, "--port", portOf(t, address), "--bind", "127.0.0.1",
		"--save", "", "--appendonly", "no", "--dir", user.dir(t)))
	p.waitUp(t, "redis", func() bool {
		return exec.Command(cli, "-p", portOf(t, address), "PING").Run() == nil
	})
	return address
}

// startLDAP returns the address of an OpenLDAP server for dc=example,dc=com with one person, alice, whose password is
// "rabbit".
func startLDAP(t *testing.T) string {
	t.Helper()
	program, load := need(t, "slapd"), need(t, "slapadd")
	user := accountOf(t, "openldap")
	dir := user.dir(t)
	address := freeAddress(t)
	config := user.write(t, dir, "slapd.conf", expand(t, `
include /etc/ldap/schema/core.schema
pidfile ${dir}/slapd.pid
argsfile ${dir}/slapd.args
modulepath /usr/lib/ldap
moduleload back_mdb
database mdb
maxsize 10485760
suffix "dc=example,dc=com"
directory ${dir}
access to attrs=userPassword by anonymous auth by * none
access to * by * read
`, vars{"dir": dir}))
	entries := user.write(t, dir, "entries.ldif", `dn: dc=example,dc=com
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: cn=alice,dc=example,dc=com
objectClass: person
cn: alice
sn: Liddell
userPassword: rabbit
`)
	if out, err := user.command(load, "-f", config, "-l", entries).CombinedOutput(); err != nil {
		t.Fatalf("slapadd: %v\n%s", err, out)
	}
	p := start(t, user.command(program, "-d", "256", "-f", config, "-h", "ldap://"+address))
	p.out.waitLine(t, "slapd starting")
	return address
}

// startIMAP returns the address of a Dovecot server with one mail in everybody's inbox; every password is "rabbit".
func startIMAP(t *testing.T, mail string) string {
	t.Helper()
	program := need(t, "dovecot")
	user := accountOf(t, "nobody")
	dir := user.dir(t)
	address := freeAddress(t)
	box := filepath.Join(dir, "mail")
	for _, sub := range []string{"", "cur", "new", "tmp"} {
		user.mkdir(t, filepath.Join(box, sub))
	}
	user.write(t, filepath.Join(box, "new"), "1.M1P1.host", strings.ReplaceAll(mail, "\n", "\r\n"))
	config := user.write(t, dir, "dovecot.conf", expand(t, `
base_dir = ${dir}/run
log_path = /dev/stderr
listen = 127.0.0.1
protocols = imap
ssl = no
disable_plaintext_auth = no
default_internal_user = ${user}
default_internal_group = ${group}
default_login_user = ${user}
mail_location = maildir:${box}
first_valid_uid = 1
passdb {
  driver = static
  args = password=rabbit
}
userdb {
  driver = static
  args = uid=${user} gid=${group} home=${dir}
}
service anvil {
  chroot =
}
service imap-login {
  chroot =
  inet_listener imap {
    port = ${port}
  }
  inet_listener imaps {
    port = 0
  }
}
`, vars{"dir": dir, "box": box, "user": user.user, "group": user.group, "port": portOf(t, address)}))
	p := start(t, user.command(program, "-F", "-c", config))
	p.out.waitLine(t, "starting up")
	p.waitUp(t, "dovecot", func() bool { return accepts(address) })
	return address
}

// mailbox is where the mail server delivers: files below new/, one a mail.
type mailbox string

// mails returns the text of all mails delivered so far.
func (m mailbox) mails(t *testing.T) []string {
	t.Helper()
	return readAll(t, filepath.Join(string(m), "new", "*"))
}

// log is where the server writes who connects.
func (m mailbox) log() string { return filepath.Join(filepath.Dir(string(m)), "log", "mainlog") }

// startSMTP returns the address of an Exim server that takes mail for everybody, and its mailbox.
func startSMTP(t *testing.T) (string, mailbox) {
	t.Helper()
	program := need(t, "exim4")
	user := accountOf(t, "nobody")
	dir := user.dir(t)
	address := freeAddress(t)
	for _, sub := range []string{"spool", "log", "mail"} {
		user.mkdir(t, filepath.Join(dir, sub))
	}
	config := user.write(t, dir, "exim.conf", expand(t, `
primary_hostname = mail.example.com
spool_directory = ${dir}/spool
log_file_path = ${dir}/log/%slog
log_selector = +smtp_connection
pid_file_path = ${dir}/exim.pid
exim_user = ${user}
exim_group = ${group}
trusted_users = ${user}
never_users =
deliver_drop_privilege = true
tls_advertise_hosts =
host_lookup =
rfc1413_query_timeout = 0s
keep_environment =
acl_smtp_rcpt = accept_all
acl_smtp_data = accept_all
begin acl
accept_all:
  accept
begin routers
all:
  driver = accept
  transport = file
begin transports
file:
  driver = appendfile
  directory = ${dir}/mail
  maildir_format
  user = ${user}
  group = ${group}
`, vars{"dir": dir, "user": user.user, "group": user.group}))
	p := start(t, user.command(program, "-C", config, "-bdf", "-oX", address))
	p.waitUp(t, "exim", func() bool { return accepts(address) })
	return address, mailbox(filepath.Join(dir, "mail"))
}

// startPostgres returns the address of a PostgreSQL server; user and database are "postgres", without a password.
func startPostgres(t *testing.T) string {
	t.Helper()
	address := freeAddress(t)
	runPostgres(t, start, newCluster(t), address)
	return address
}

// newCluster returns the directory of an empty PostgreSQL cluster.
func newCluster(t *testing.T) string {
	t.Helper()
	user := accountOf(t, "postgres")
	dir := filepath.Join(user.dir(t), "data")
	out, err := user.command(need(t, "initdb"), "-D", dir, "-A", "trust", "-U", "postgres", "-N", "--locale=C", "-E", "UTF8").CombinedOutput()
	if err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	return dir
}

// runPostgres serves a cluster on a loopback address, by start or that of a namespace.
func runPostgres(t *testing.T, start func(*testing.T, *exec.Cmd) *process, dir, address string) *process {
	t.Helper()
	p := start(t, accountOf(t, "postgres").command(need(t, "postgres"), "-D", dir, "-p", portOf(t, address),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "ssl=off"))
	p.out.waitLine(t, "ready to accept connections")
	return p
}

// startHAProxy runs HAProxy on a configuration whose global section and timeouts are supplied, and returns when the
// address accepts.
func startHAProxy(t *testing.T, address, config string) *process {
	t.Helper()
	program := need(t, "haproxy")
	user := accountOf(t, "haproxy")
	file := user.write(t, user.dir(t), "haproxy.cfg", `
global
  log stdout format raw local0
  nbthread 1
defaults
  log global
  timeout connect 5s
  timeout client 30s
  timeout server 30s
`+config)
	p := start(t, user.command(program, "-db", "-f", file))
	p.waitUp(t, "haproxy", func() bool { return accepts(address) })
	return p
}
