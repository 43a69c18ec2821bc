package listener

import (
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestKeepalive(t *testing.T) {
	for deadPeer, want := range map[time.Duration]net.KeepAliveConfig{
		0:                {},
		-1:               {},
		time.Minute:      {Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3},
		9 * time.Second:  {Enable: true, Idle: 4 * time.Second, Interval: time.Second, Count: 3},
		time.Millisecond: {Enable: true, Idle: time.Second, Interval: time.Second, Count: 3},
	} {
		if diff := cmp.Diff(want, KeepAlive(deadPeer)); diff != "" {
			t.Errorf("KeepAlive(%v) (-want +got):\n%s", deadPeer, diff)
		}
	}
}
