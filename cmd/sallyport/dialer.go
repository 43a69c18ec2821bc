package main

import "net"

// newDialer returns the dialer for upstreams. Its connections are not probed: a session asks for that when it has lasted.
func newDialer() *net.Dialer {
	d := &net.Dialer{KeepAlive: -1}
	d.SetMultipathTCP(false) // one connection, one source port
	return d
}
