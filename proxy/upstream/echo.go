package upstream

import (
	"io"
	"net"
)

// dialEcho connects to the built-in server of "builtin:echo", which sends back whatever it
// is sent and ends its stream when its client does. It is real enough to go through the
// whole relay: two connected sockets, one of them served here.
func dialEcho() (net.Conn, error) {
	near, far, err := socketPair()
	if err != nil {
		return nil, err
	}
	go func() {
		defer far.Close()
		io.Copy(far, far) // ends when the session closes the other socket
	}()
	return near, nil
}
