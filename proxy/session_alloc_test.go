//go:build unix && !race

package proxy

import "testing"

// TestSessionAllocates bounds what a session allocates beyond what the same exchange does without sallyport. That is most of
// what a session of crypto/tls allocates, whose own is not counted.
func TestSessionAllocates(t *testing.T) {
	most := map[string]float64{"plaintext": 94, "TLS": 108, "TLS, resumed": 108}
	for _, k := range sessionKinds {
		t.Run(k.name, func(t *testing.T) {
			through, straight := k.ways(t)
			const sessions = 300
			through() // the first takes its buffers from nowhere, and has no ticket
			straight()
			with, without := testing.AllocsPerRun(sessions, through), testing.AllocsPerRun(sessions, straight)
			if got := with - without; got > most[k.name] {
				t.Errorf("a session allocates %v times (%v altogether), want at most %v", got, with, most[k.name])
			}
		})
	}
}
