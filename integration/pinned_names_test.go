//go:build integration

package integration

import (
	"testing"
)

// TestPinnedNames has the server's name lead to several addresses, one of which is dead: silent, or refusing. Sessions
// find the other one, from the one source port there is, whatever the order.
func TestPinnedNames(t *testing.T) {
	t.Parallel()
	const name = "db.example.com"
	r := newRig(t, pins{ports: "20001"})
	r.primary.ip(t, "address add "+deadHost+"/24 dev eth0")
	r.primary.startBefore(t, "builtin:echo")
	both := `"` + clientSocket.four + `", "` + clientSocket.six + `"`
	for _, test := range []struct {
		name      string
		addresses []string // of the server
		dead      string   // what the server's host does not answer as it should
		source    string   // empty: the client's IPv4 address
	}{
		{"a silent one first", []string{deadHost, serverHost}, "ip daddr " + deadHost + " drop", ""},
		{"a silent one last", []string{serverHost, deadHost}, "ip daddr " + deadHost + " drop", ""},
		{"one that refuses first", []string{deadHost, serverHost}, "ip daddr " + deadHost + " tcp dport " + farPort + " reject with tcp reset", ""},
		{"one of another family than the source", []string{primarySocket.six, serverHost}, "", ""},
		{"a silent one of another family", []string{primarySocket.six, serverHost}, "ip daddr " + serverHost + " drop", both},
	} {
		t.Run(test.name, func(t *testing.T) {
			r.primary.firewall(t, `
table inet dead {
	chain in {
		type filter hook input priority 0;
		`+test.dead+`
	}
}
`)
			hosts := ""
			for _, address := range test.addresses {
				hosts += address + " " + name + "\n"
			}
			user := accountOf(t, "root")
			file := user.write(t, user.dir(t), "hosts", hosts)
			r.startEgress(t, near{
				address:  test.source,
				upstream: `primary = "` + name + ":" + farPort + `"`,
				prefix: []string{unshare(t, "--mount", "--propagation", "private"), "--mount", "--propagation", "private",
					"/bin/sh", "-ec", need(t, "mount") + " --bind " + file + ` /etc/hosts; exec "$@"`, "sh"},
			})
			for range 2 {
				conn := r.connect(t)
				exchange(t, conn, "hello\n")
				conn.Close()
				r.egress.wantRecord(t, fields{keyVerdict: verdictAllow, keyCloseReason: "end_of_stream"})
				r.primary.sidecar.wantRecord(t, fields{keyVerdict: verdictAllow, keySource: containing(":20001")})
			}
			r.egress.terminate(t)
		})
	}
}
