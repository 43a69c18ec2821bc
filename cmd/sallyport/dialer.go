package main

import (
	"net"
	"time"

	"sallyport/listener"
)

// newDialer returns the dialer for upstreams. A peer that answers no keepalive probe is given up within
// deadPeer; zero leaves that to the system.
func newDialer(deadPeer time.Duration) *net.Dialer {
	d := &net.Dialer{KeepAlive: -1, KeepAliveConfig: listener.KeepAlive(deadPeer)}
	d.SetMultipathTCP(false) // one connection, one source port
	return d
}
