package proxy

import (
	"net"
	"time"
)

// NewDialer returns the dialer for upstreams. A peer that answers no keepalive probe is given up within
// deadPeer; zero leaves that to the system.
func NewDialer(deadPeer time.Duration) *net.Dialer {
	d := &net.Dialer{KeepAlive: -1}
	d.SetMultipathTCP(false)
	if deadPeer > 0 {
		d.KeepAliveConfig = net.KeepAliveConfig{
			Enable:   true,
			Idle:     max(deadPeer/2, time.Second),
			Interval: max(deadPeer/6, time.Second),
			Count:    3,
		}
	}
	return d
}
