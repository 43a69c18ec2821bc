//go:build integration

package integration

import (
	"strings"
	"testing"
)

// TestDirect reaches every server in plaintext without sallyport. Where it fails, the machine or the server's
// configuration is at fault, and the failures of the tests behind it say nothing.
func TestDirect(t *testing.T) {
	t.Run("redis", func(t *testing.T) {
		port := portOf(t, startRedis(t))
		client{}.must(t, need(t, "redis-cli"), "-p", port, "SET", "k", "v")
		if got := (client{}).must(t, need(t, "redis-cli"), "-p", port, "GET", "k"); got != "v\n" {
			t.Errorf("GET: %q", got)
		}
	})
	t.Run("ldap", func(t *testing.T) {
		url := "ldap://" + startLDAP(t)
		out := client{}.must(t, need(t, "ldapsearch"), "-x", "-LLL", "-H", url, "-b", "dc=example,dc=com", "(cn=alice)", "sn")
		if !strings.Contains(out, "sn: Liddell") {
			t.Errorf("search: %q", out)
		}
	})
	t.Run("imap", func(t *testing.T) {
		url := "imap://" + startIMAP(t, "Subject: hello\n\nthe body\n") + "/INBOX;MAILINDEX=1"
		out := client{}.must(t, need(t, "curl"), "-sS", "-u", "alice:rabbit", url)
		if !strings.Contains(out, "the body") {
			t.Errorf("mail: %q", out)
		}
	})
	t.Run("smtp", func(t *testing.T) {
		address, box := startSMTP(t)
		client{}.must(t, need(t, "swaks"), "--server", address, "--from", "a@example.com", "--to", "b@example.com", "--body", "the body")
		waitFor(t, "the mail", func() bool { return len(box.mails(t)) == 1 })
		if mail := box.mails(t)[0]; !strings.Contains(mail, "the body") {
			t.Errorf("mail: %q", mail)
		}
	})
	t.Run("postgres", func(t *testing.T) {
		out := client{}.must(t, need(t, "psql"), "-h", "127.0.0.1", "-p", portOf(t, startPostgres(t)), "-U", "postgres", "-Atc", "select 6*7")
		if out != "42\n" {
			t.Errorf("select: %q", out)
		}
	})
	t.Run("haproxy", func(t *testing.T) {
		address := freeAddress(t)
		startHAProxy(t, address, "frontend f\n  mode http\n  bind "+address+"\n  http-request return status 200 content-type text/plain string here\n")
		if got := (client{}).must(t, need(t, "curl"), "-sS", "http://"+address+"/"); got != "here" {
			t.Errorf("answer: %q", got)
		}
	})
}
