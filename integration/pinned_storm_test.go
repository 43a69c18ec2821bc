//go:build integration

package integration

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"testing"
	"time"
)

// TestStormPinnedPorts connects without a pause from one source port, and from sixteen, with one client more than there
// are ports: thousands of times a port is used again in the moment in which it came free. No session may fail.
func TestStormPinnedPorts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		ports             string
		clients, sessions int
	}{
		{"20001", 2, storms(3000, 20000)},
		{"20001-20016", 17, storms(1000, 20000)},
	} {
		t.Run(test.ports, func(t *testing.T) { // one after the other, for the figures' sake
			r := newRig(t, pins{ports: test.ports})
			r.primary.startBefore(t, "builtin:echo")
			r.startEgress(t, near{wait: "10s"})
			began := time.Now()
			inLanes(t, test.clients, test.sessions, r.whole)
			took := time.Since(began)
			r.wantWithin(t, test.ports, test.sessions)
			t.Logf("figure: source ports %s: %.0f connections per second, %d in %s, 0 failed",
				test.ports, float64(test.sessions)/took.Seconds(), test.sessions, took.Round(time.Millisecond))
		})
	}
}

// whole is a session from its beginning to an end in order.
func (r *rig) whole(i int) error {
	conn, err := r.clients.connect(nearAddress)
	if err != nil {
		return err
	}
	defer conn.Close()
	message := fmt.Sprintf("session %d\n", i)
	if _, err := io.WriteString(conn, message); err != nil {
		return err
	}
	if err := conn.CloseWrite(); err != nil {
		return err
	}
	if back, err := io.ReadAll(conn); err != nil || string(back) != message {
		return errors.Join(fmt.Errorf("%q came back for %q", back, message), err)
	}
	return nil
}

// wantWithin expects that all sessions that arrived came from the ports, and that each of them was used.
func (r *rig) wantWithin(t *testing.T, ports string, sessions int) {
	t.Helper()
	var first, last uint16
	if n, _ := fmt.Sscanf(ports, "%d-%d", &first, &last); n == 1 {
		last = first
	}
	waitFor(t, "all records", func() bool { return len(r.primary.sidecar.sessions()) >= sessions })
	used := make(map[uint16]int)
	beyond := 0
	for _, record := range r.primary.sidecar.sessions() {
		source, err := netip.ParseAddrPort(record.text(keySource))
		if err != nil || source.Port() < first || source.Port() > last || record.text(keyVerdict) != verdictAllow {
			if beyond++; beyond > 5 {
				break
			}
			t.Errorf("from other than %s: %v", ports, record)
		}
		used[source.Port()]++
	}
	if len(used) != int(last-first)+1 {
		t.Errorf("source ports used, with how often: %v, want all of %s", used, ports)
	}
}
