package proxy

import (
	"crypto/tls"
	"net"
	"testing"

	"sallyport/internal/testpki"
)

// tlsOver shakes hands over two connected sockets.
func tlsOver(t testing.TB, version uint16, near, far net.Conn) (*end, net.Conn) {
	t.Helper()
	ca := testpki.New(t)
	config := ca.ServerConfig(t, "localhost")
	config.MinVersion, config.MaxVersion, config.DynamicRecordSizingDisabled = version, version, true
	config.SessionTicketsDisabled = true
	clientConfig := ca.ClientConfig("localhost", nil)
	clientConfig.DynamicRecordSizingDisabled = true
	client := tls.Client(far, clientConfig)
	shaken := make(chan error, 1)
	go func() { shaken <- client.Handshake() }()
	w := newWire(near, NewLane(1, 0), noDeadline)
	server := tls.Server(w, config)
	if err := shakeHands(w, server); err != nil {
		t.Fatal(err)
	}
	if err := <-shaken; err != nil {
		t.Fatal(err)
	}
	return tlsEnd(Client, w, server), client
}
