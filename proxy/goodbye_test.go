package proxy

import (
	"io"
	"testing"
	"testing/synctest"
	"time"
)

// TestGoodbyeWaitsForSlowReader: crypto/tls gives its close_notify five seconds and closes the
// socket for writing; a slow reader would lose what came before.
func TestGoodbyeWaitsForSlowReader(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, version)
			said := make(chan error, 1)
			go func() { said <- p.closeWrite() }()
			time.Sleep(time.Hour)
			if _, err := p.client.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("the reader is told %v, want a goodbye", err)
			}
			if err := <-said; err != nil {
				t.Errorf("closeWrite = %v", err)
			}
		})
	})
}
