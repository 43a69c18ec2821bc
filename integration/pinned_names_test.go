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
	for _, test := range []struct {
		name      string
		addresses []string
		dead      string // what becomes of packets to the dead address
	}{
		{"a silent one first", []string{deadHost, serverHost}, "drop"},
		{"a silent one last", []string{serverHost, deadHost}, "drop"},
		{"one that refuses first", []string{deadHost, serverHost}, "meta l4proto tcp reject with tcp reset"},
		{"one of another family than the source", []string{primarySocket.six, serverHost}, "drop"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r.primary.firewall(t, `
table ip dead {
	chain in {
		type filter hook input priority 0;
		ip daddr `+deadHost+" "+test.dead+`
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
				upstream: `primary = "` + name + ":" + farPort + `"`,
				prefix: []string{unshare(t, "--mount", "--propagation", "private"), "--mount", "--propagation", "private",
					"/bin/sh", "-ec", need(t, "mount") + " --bind " + file + ` /etc/hosts; exec "$@"`, "sh"},
			})
			for range 3 {
				conn := r.connect(t)
				exchange(t, conn, "hello\n")
				conn.Close()
				r.egress.wantRecord(t, fields{keyVerdict: verdictAllow, keyCloseReason: "end_of_stream"})
				r.primary.sidecar.wantRecord(t, fields{keyVerdict: verdictAllow, keySource: clientHost + ":20001"})
			}
			r.egress.terminate(t)
		})
	}
}
