//go:build integration

package integration

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"
)

// TestStormBurst changes everything by the hundred, without a pause, and ends with files that are good: it is read a few
// times only, and what is there at the end is in force.
func TestStormBurst(t *testing.T) {
	changes := storms(400, 10_000)
	s := startStorm(t, "builtin:echo", true, 500)
	c := s.gather(t, nil)
	c.wait(t, 50)
	began := time.Now()
	for n := range changes {
		if n%2 == 0 {
			s.mend(t, n/2)
		} else {
			s.breakFiles(t, n/2)
		}
	}
	took := time.Since(began)
	last := s.ca.Server(t, "localhost")
	s.good = maps.Clone(s.good)
	s.good["server.crt"], s.good["server.key"] = string(last.CertPEM()), string(last.KeyPEM(t))
	s.mend(t, 3*changes+1)
	waitFor(t, "the last certificate", func() bool {
		state, err := s.visit(newcomer{port: "secure", config: s.ca.ClientConfig("localhost", nil)}, "127.0.0.1")
		return err == nil && state.PeerCertificates[0].Equal(last.Certificate)
	})
	waitFor(t, "the last rule", func() bool {
		return strings.Contains(s.out.tail(200), fmt.Sprintf(`"rule":"all-%d"`, 3*changes+1))
	})
	losses := c.disperse(t)
	reloads := strings.Count(s.out.String(), `"msg":"reloaded"`) + strings.Count(s.out.String(), `"msg":"reload failed, nothing changed"`)
	// At most one for each two seconds of noise, or for a moment of quiet on a busy machine; and the last ones.
	if most := 3 + int(took/time.Second); reloads > most {
		t.Errorf("%d reloads for %d changes in %s, want at most %d", reloads, changes, took, most)
	}
	t.Logf("storm: %d changes in %s led to %d reloads; %d connections meanwhile, lost: %d", changes, took.Round(time.Millisecond), reloads, c.attempts.Load(), losses)
}
