package listener

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"math/big"
	"net"
	"testing"
	"time"
)

// clientHello returns what crypto/tls sends first.
func clientHello(t testing.TB, protocols []string) []byte {
	t.Helper()
	sent := &recorder{}
	err := tls.Client(sent, &tls.Config{ServerName: "example.com", NextProtos: protocols}).Handshake()
	if err == nil || sent.Len() == 0 {
		t.Fatalf("no hello was sent: %v", err)
	}
	return sent.Bytes()
}

// recorder keeps what is written to it and never answers.
type recorder struct {
	bytes.Buffer
	net.Conn
}

func (r *recorder) Write(b []byte) (int, error)    { return r.Buffer.Write(b) }
func (r *recorder) Read([]byte) (int, error)       { return 0, io.EOF }
func (*recorder) Close() error                     { return nil }
func (*recorder) SetWriteDeadline(time.Time) error { return nil }

// longProtocols makes a hello of somewhat over size bytes.
func longProtocols(size int) []string {
	var list []string
	for n := 0; n < size; n += 201 {
		list = append(list, fmt.Sprintf("%0200d", n))
	}
	return list
}

// inRecords cuts the handshake bytes of a flight into records of size bytes.
func inRecords(flight []byte, size int) []byte {
	var payload, out []byte
	version := flight[1:3]
	for rest := flight; len(rest) > 0; {
		n := int(binary.BigEndian.Uint16(rest[3:]))
		payload = append(payload, rest[5:5+n]...)
		rest = rest[5+n:]
	}
	for len(payload) > 0 {
		n := min(size, len(payload))
		out = append(out, typeHandshake, version[0], version[1])
		out = binary.BigEndian.AppendUint16(out, uint16(n))
		out = append(out, payload[:n]...)
		payload = payload[n:]
	}
	return out
}

// certificate is a self-made one for the server side.
func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"example.com"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// recutting is a connection whose first write is cut anew.
type recutting struct {
	net.Conn
	cut func([]byte) [][]byte
}

func (c *recutting) Write(b []byte) (int, error) {
	if c.cut == nil {
		return c.Conn.Write(b)
	}
	pieces := c.cut(b)
	c.cut = nil
	for _, piece := range pieces {
		if _, err := c.Conn.Write(piece); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}
