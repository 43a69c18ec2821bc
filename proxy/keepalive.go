package proxy

import "net"

// keepAlive has the system probe the peer of a quiet connection. The time without a word that leads to the first probe counts
// from the last word, not from this call.
func keepAlive(conn net.Conn, config net.KeepAliveConfig) {
	if tcp, ok := conn.(*net.TCPConn); ok && config.Enable {
		_ = tcp.SetKeepAliveConfig(config) // fails only on a connection that is gone already, as its next read will tell
	}
}
