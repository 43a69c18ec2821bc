//go:build integration

package integration

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

const liveConfig = `
[policy]
files = ["policy.toml"]
on_policy_change = "${change}"
close_spread = "${spread}"

[[application]]
name = "echo"
certificate     = "${certificate}"
certificate_key = "${key}"
trusted_ca      = "${ca}"
  [application.upstream]
  primary = "${upstream}"
  [[application.port]]
  id     = "plain"
  listen = "${plain}"
  mode   = "plaintext"
  [[application.port]]
  id     = "mutual"
  listen = "${mutual}"
  mode   = "secure"
  client_auth = "require"
`

// liveRule is a rule for clients of the plaintext port.
func liveRule(id, from, more string) string {
	return fmt.Sprintf("[[allow]]\nid = %q\nfrom = [%q]\nto = [\"echo/plain\"]\ntls = \"plaintext\"\nowner = \"test\"\n%s\n", id, from, more)
}

func startLive(t *testing.T, ca *authority, change, spread, policy string) (*sallyport, vars) {
	t.Helper()
	server := ca.server(t)
	at := vars{
		"certificate": server.certificate, "key": server.key, "ca": ca.file, "change": change, "spread": spread,
		"upstream": serve(t, echo), "plain": freeAddress(t), "mutual": freeAddress(t),
	}
	return startPoliced(t, expand(t, liveConfig, at), policy), at
}

const staying, leaving = "127.0.0.71", "127.0.0.72"

// TestLiveSessionsAreKept denies a client that is connected: it stays until it goes, and does not come back.
func TestLiveSessionsAreKept(t *testing.T) {
	s, at := startLive(t, newAuthority(t, "CA"), "keep", "10s", liveRule("stay", staying, "")+liveRule("leave", leaving, ""))
	conn := dial(t, at["plain"], leaving)
	exchange(t, conn, "before\n")
	s.enforce(t, liveRule("stay", staying, ""))
	if refused, err := tryDial(t, at["plain"], leaving); err == nil {
		wantRefused(t, refused)
	}
	s.wantRecord(t, fields{keyVerdict: verdictDeny, keyReason: "no_rule", keySource: containing(leaving + ":"), keyGeneration: 2})
	exchange(t, conn, "after\n")
	conn.CloseWrite()
	s.wantRecord(t, fields{
		keyVerdict: verdictAllow, keyRule: "leave", keySource: conn.LocalAddr(), keyGeneration: 1, keyCloseReason: "end_of_stream", keyDenialReason: "",
	})
}

// TestLiveSessionsAreClosed denies clients that are connected, each in another way, and lets bulk run in a session that
// stays allowed: not a byte of it is lost.
func TestLiveSessionsAreClosed(t *testing.T) {
	ca := newAuthority(t, "CA")
	user := ca.client(t, "alice")
	const mutual = `
[[client]]
name = "%s"
identities = ["cn:%s"]
[[allow]]
id = "proven"
from = ["%s"]
to = ["echo/mutual"]
tls = "required"
owner = "test"
`
	proven := func(name string) string { return fmt.Sprintf(mutual, name, name, name) }
	day := func(days int) string { return time.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly) }
	stay := liveRule("stay", staying, "") + proven("alice")
	tests := []struct {
		name   string
		denied string // port of the session that is to be closed
		after  string // policy
		want   fields
	}{
		{"rule removed", "plain", stay, fields{keyRule: "leave", keyDenialReason: "no_rule", keyDenialRule: "stay"}},
		{"blocked", "plain", stay + liveRule("leave", leaving, "") + "[[block]]\nid = \"scanner\"\naddresses = [\"127.0.0.72\"]\n", fields{
			keyRule: "leave", keyDenialReason: "blocked", keyDenialRule: "scanner",
		}},
		{"expired", "plain", stay + liveRule("leave", leaving, "expires = "+day(-2)), fields{
			keyRule: "leave", keyDenialReason: "expired", keyDenialRule: "leave",
		}},
		{"not valid yet", "plain", stay + liveRule("leave", leaving, "valid_from = "+day(2)), fields{
			keyRule: "leave", keyDenialReason: "not_yet_valid", keyDenialRule: "leave",
		}},
		{"identity withdrawn", "mutual", liveRule("stay", staying, "") + proven("bob"), fields{
			keyRule: "proven", keyDenialReason: "identity_mismatch", keyDenialRule: "proven", keySubject: containing("alice"),
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, at := startLive(t, ca, "close", "0s", stay+liveRule("leave", leaving, "expires = "+day(2)))
			conn := net.Conn(dial(t, at[test.denied], leaving))
			if test.denied == "mutual" {
				conn = ca.overTLS(conn, &user)
			}
			exchange(t, conn, "before\n")
			bulk := startBulk(t, dial(t, at["plain"], staying))
			s.enforce(t, test.after)
			if rest, err := io.ReadAll(conn); err == nil || len(rest) > 0 {
				t.Errorf("the denied session ended as if all were well: %q", rest)
			}
			test.want[keyVerdict], test.want[keySource], test.want[keyGeneration] = verdictAllow, conn.LocalAddr(), 1
			test.want[keyClosedBy], test.want[keyCloseReason], test.want[keyBytesIn] = "sallyport", "policy_change", 7
			s.wantRecord(t, test.want)
			bulk.finish(t)
			s.wantRecord(t, fields{keySource: containing(staying + ":"), keyCloseReason: "end_of_stream", keyDenialReason: "", keyRule: "stay"})
		})
	}
}

// bulk is a transfer through an echo that goes on while a policy changes.
type bulk struct {
	conn *net.TCPConn
	sent sync.WaitGroup
	rest func() // lets the second half go
	want string
}

func startBulk(t *testing.T, conn *net.TCPConn) *bulk {
	t.Helper()
	data := noise(8 << 20)
	more := make(chan struct{})
	b := &bulk{conn: conn, rest: sync.OnceFunc(func() { close(more) }), want: checksum(t, bytes.NewReader(data))}
	exchange(t, conn, "running\n")
	b.sent.Go(func() {
		half := len(data) / 2
		conn.Write(data[:half])
		<-more
		conn.Write(data[half:])
		conn.CloseWrite()
	})
	t.Cleanup(func() {
		conn.Close()
		b.rest()
		b.sent.Wait()
	})
	return b
}

// finish sends the rest and compares what came back.
func (b *bulk) finish(t *testing.T) {
	t.Helper()
	b.rest()
	if got := checksum(t, b.conn); got != b.want {
		t.Errorf("checksum %s, want %s", got, b.want)
	}
	b.sent.Wait()
}

// TestLiveSessionsAreSpread closes many sessions over a while, so that not all clients come back at once.
func TestLiveSessionsAreSpread(t *testing.T) {
	const sessions, spread = 6, 1200 * time.Millisecond
	s, at := startLive(t, newAuthority(t, "CA"), "close", spread.String(), liveRule("stay", staying, "")+liveRule("leave", leaving, ""))
	var conns []net.Conn
	for range sessions {
		conn := dial(t, at["plain"], leaving)
		exchange(t, conn, "before\n")
		conns = append(conns, conn)
	}
	before := time.Now()
	s.enforce(t, liveRule("stay", staying, ""))
	s.out.waitLine(t, `"sessions":6`) // the warning
	for i := range sessions {
		r := s.wantRecord(t, fields{keyCloseReason: "policy_change", keyDenialReason: "no_rule", keySource: containing(leaving + ":")})
		// The one that is closed as the i-th is not closed before its time.
		at, err := time.Parse(time.RFC3339Nano, r.text("time"))
		if earliest := before.Add(spread * time.Duration(i) / sessions); err != nil || at.Before(earliest) {
			t.Errorf("session %d ended at %v, %v before its time (%v)", i, at, earliest.Sub(at), err)
		}
	}
	for _, conn := range conns {
		if _, err := io.ReadAll(conn); err == nil {
			t.Error("a denied session ended as if all were well")
		}
	}
}

// TestValidity judges new sessions by the days of a rule.
func TestValidity(t *testing.T) {
	day := func(days int) string { return time.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly) }
	s, at := startLive(t, newAuthority(t, "CA"), "keep", "0s", liveRule("stay", staying, "")+
		liveRule("now", "127.0.0.73", "valid_from = "+day(-2)+"\nexpires = "+day(2))+
		liveRule("past", "127.0.0.74", "expires = "+day(-2))+
		liveRule("future", "127.0.0.75", "valid_from = "+day(2)))
	wantServed(t, dial(t, at["plain"], "127.0.0.73"))
	s.wantRecord(t, fields{keyVerdict: verdictAllow, keyRule: "now"})
	for source, want := range map[string]fields{
		"127.0.0.74": {keyReason: "expired", keyNearest: "past"},
		"127.0.0.75": {keyReason: "not_yet_valid", keyNearest: "future"},
	} {
		if conn, err := tryDial(t, at["plain"], source); err == nil {
			wantRefused(t, conn)
		}
		want[keyVerdict], want[keyFailed], want[keySource] = verdictDeny, "period", containing(source+":")
		s.wantRecord(t, want)
	}
}
