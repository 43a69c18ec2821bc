//go:build unix && !race

package proxy

import (
	"crypto/tls"
	"testing"
)

// TestStepAllocates: moving what has come allocates nothing of ours. crypto/tls needs two small readers for each
// record that it reads, and nothing to write.
func TestStepAllocates(t *testing.T) {
	kinds := []struct {
		name    string
		version uint16 // 0: plaintext
		size    int
		want    float64
	}{
		{"plaintext", 0, 100, 0},
		{"plaintext", 0, chunkSize, 0},
		{"TLS 1.2", tls.VersionTLS12, 100, 2},
		{"TLS 1.3", tls.VersionTLS13, 100, 2},
		{"TLS 1.3", tls.VersionTLS13, recordSize, 2},
	}
	for _, tt := range kinds {
		t.Run(tt.name, func(t *testing.T) {
			from, sender := sockets(t)
			to, receiver := sockets(t)
			f := flow{from: plainEnd(Client, from), to: plainEnd(Upstream, to)}
			if tt.version != 0 {
				f.from, sender = tlsOver(t, tt.version, from, sender)
				f.to, receiver = tlsOver(t, tt.version, to, receiver)
			}
			go silence(bareSocket(receiver)) // a reader that decrypts would allocate too
			b := make([]byte, tt.size)
			got := testing.AllocsPerRun(200, func() {
				if _, err := sender.Write(b); err != nil {
					t.Fatal(err)
				}
				for moved := 0; moved < tt.size; {
					c, n, err := f.from.receive()
					if err != nil {
						t.Fatal(err)
					}
					if err := f.to.send(c, n); err != nil {
						t.Fatal(err)
					}
					moved += n
				}
			})
			if got != tt.want {
				t.Errorf("%v allocations a step, want %v", got, tt.want)
			}
		})
	}
}
