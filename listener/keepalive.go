package listener

import (
	"net"
	"time"
)

const keepaliveProbes = 3

// KeepAlive spreads the time until a dead peer is given up: half of it without a word, then three
// probes a sixth apart. The unit of the kernel is one second, so that is the least.
func KeepAlive(deadPeer time.Duration) net.KeepAliveConfig {
	if deadPeer <= 0 {
		return net.KeepAliveConfig{}
	}
	return net.KeepAliveConfig{
		Enable:   true,
		Idle:     max(deadPeer/2, time.Second).Truncate(time.Second),
		Interval: max(deadPeer/6, time.Second).Truncate(time.Second),
		Count:    keepaliveProbes,
	}
}
