package main

import (
	"net"
	"path/filepath"
	"testing"
	"time"

	"sallyport/internal/admin"
)

// TestKilledBefore: the sockets of a process that was killed a moment ago may still be open.
func TestKilledBefore(t *testing.T) {
	for _, killed := range []bool{false, true} {
		t.Run(map[bool]string{false: "somebody else's", true: "that of a process that was killed"}[killed], func(t *testing.T) {
			other, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			path := filepath.Join(t.TempDir(), "config.toml")
			writePort(t, path, other.Addr().String(), "")
			d := newDaemon(path, newLogHandler(new(logText)), nil)
			t.Cleanup(func() {
				d.sockets.Close()
				d.serving.Wait()
			})
			if killed {
				d.killed = time.Now()
				time.AfterFunc(30*time.Millisecond, func() { other.Close() })
			}
			if first := d.change(t.Context(), admin.TriggerStart); first.OK != killed {
				t.Errorf("started: %t; %v", first.OK, first.Problems)
			}
		})
	}
}
