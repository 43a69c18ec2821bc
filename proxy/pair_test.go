package proxy

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net"
	"strings"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"

	"sallyport/internal/testpki"
)

// pair is the proxy's end of an in-memory TLS connection to a client, after the handshake. Reads of
// the end return what the test feeds, piece by piece; what it writes reaches the client.
type pair struct {
	testing.TB
	*end
	feed    *feed
	client  *tls.Conn
	*sealer // makes the client's records (TLS 1.3)
}

// feed is a connection that reads pieces in turn, once there are any, and then the end of the stream.
type feed struct {
	net.Conn
	pieces  [][]byte
	fed     bool
	writes  int
	waiting func() // called before each read, if set
}

func (f *feed) Read(b []byte) (int, error) {
	if !f.fed {
		return f.Conn.Read(b)
	}
	if f.waiting != nil {
		f.waiting()
	}
	if len(f.pieces) == 0 {
		return 0, io.EOF
	}
	n := copy(b, f.pieces[0])
	if f.pieces[0] = f.pieces[0][n:]; len(f.pieces[0]) == 0 {
		f.pieces = f.pieces[1:]
	}
	return n, nil
}

func (f *feed) Write(b []byte) (int, error) {
	f.writes++
	return f.Conn.Write(b)
}

// give appends pieces to what will be read.
func (f *feed) give(pieces ...[]byte) {
	f.fed = true
	for _, piece := range pieces {
		if len(piece) > 0 {
			f.pieces = append(f.pieces, piece)
		}
	}
}

func newPair(t testing.TB, version uint16) *pair { return newPairOf(t, version, 0) }

// newPairOf shakes hands with one TLS 1.2 cipher suite, if there is one.
func newPairOf(t testing.TB, version, suite uint16) *pair {
	t.Helper()
	ca := testpki.New(t)
	config := &tls.Config{MinVersion: version, MaxVersion: version, DynamicRecordSizingDisabled: true}
	config.SessionTicketsDisabled = true // nobody reads one here
	clientConfig := ca.ClientConfig("localhost", nil)
	var secrets bytes.Buffer
	clientConfig.KeyLogWriter = &secrets
	leaf := ca.Server(t, "localhost")
	if suite != 0 {
		config.CipherSuites, clientConfig.CipherSuites = []uint16{suite}, []uint16{suite}
		if name := tls.CipherSuiteName(suite); strings.Contains(name, "RSA_WITH") {
			leaf = ca.Issue(t, testpki.Options{RSA: true, Names: []string{"localhost"}})
		}
	}
	config.Certificates = []tls.Certificate{leaf.TLS()}

	near, far := net.Pipe()
	p := &pair{TB: t, feed: &feed{Conn: near}, client: tls.Client(far, clientConfig)}
	shaken := make(chan error, 1)
	go func() { shaken <- p.client.Handshake() }()
	w := newWire(p.feed, NewLane(1, 0), noDeadline)
	server := tls.Server(w, config)
	if err := shakeHands(w, server); err != nil {
		t.Fatal(err)
	}
	if err := <-shaken; err != nil {
		t.Fatal(err)
	}
	p.end = tlsEnd(Client, w, server)
	p.feed.writes = 0
	if version == tls.VersionTLS13 {
		p.sealer = newSealer(t, server.ConnectionState().CipherSuite, secrets.String())
	}
	t.Cleanup(func() {
		near.Close()
		far.Close()
	})
	return p
}

// record returns the client's next application data record.
func (p *pair) record(plaintext []byte) []byte { return p.seal(23, plaintext) }

// sealer encrypts records as a TLS 1.3 client does: crypto/tls decides itself when it sends which.
type sealer struct {
	suite    uint16
	secret   []byte
	aead     cipher.AEAD
	iv       []byte
	sequence uint64
}

func newSealer(t testing.TB, suite uint16, secrets string) *sealer {
	t.Helper()
	s := &sealer{suite: suite}
	for line := range strings.Lines(secrets) {
		if fields := strings.Fields(line); fields[0] == "CLIENT_TRAFFIC_SECRET_0" {
			s.secret, _ = hex.DecodeString(fields[2])
		}
	}
	if suite != tls.TLS_AES_128_GCM_SHA256 && suite != tls.TLS_CHACHA20_POLY1305_SHA256 {
		t.Fatalf("crypto/tls chose %s", tls.CipherSuiteName(suite))
	}
	s.rekey()
	return s
}

func (s *sealer) rekey() {
	s.iv, s.sequence = expand(s.secret, "iv", 12), 0
	if s.suite == tls.TLS_CHACHA20_POLY1305_SHA256 {
		s.aead, _ = chacha20poly1305.New(expand(s.secret, "key", 32))
		return
	}
	block, _ := aes.NewCipher(expand(s.secret, "key", 16))
	s.aead, _ = cipher.NewGCM(block)
}

// seal returns the next record of this content type.
func (s *sealer) seal(kind byte, plaintext []byte) []byte {
	nonce := bytes.Clone(s.iv)
	binary.BigEndian.PutUint64(nonce[4:], binary.BigEndian.Uint64(s.iv[4:])^s.sequence)
	s.sequence++
	header := binary.BigEndian.AppendUint16([]byte{23, 3, 3}, uint16(len(plaintext)+1+s.aead.Overhead()))
	return s.aead.Seal(header, nonce, append(bytes.Clone(plaintext), kind), header)
}

// keyUpdate returns a record with a KeyUpdate (RFC 8446, section 4.6.3); the records after it have new keys.
func (s *sealer) keyUpdate(request bool) []byte {
	message := []byte{24, 0, 0, 1, 0}
	if request {
		message[4] = 1
	}
	record := s.seal(22, message)
	s.secret = expand(s.secret, "traffic upd", 32)
	s.rekey()
	return record
}

// expand is HKDF-Expand-Label with an empty context (RFC 8446, section 7.1).
func expand(secret []byte, label string, length int) []byte {
	info := binary.BigEndian.AppendUint16(nil, uint16(length))
	info = append(append(info, byte(len("tls13 "+label))), "tls13 "+label+"\x00"...)
	key, err := hkdf.Expand(sha256.New, secret, string(info), length)
	if err != nil {
		panic(err)
	}
	return key
}

// wantNext receives once and compares.
func (p *pair) wantNext(want []byte) {
	p.Helper()
	c, n, err := p.receive()
	if err != nil {
		p.Fatalf("receive: %v, want %d bytes", err, len(want))
	}
	defer c.giveBack()
	if !bytes.Equal(c.data[:n], want) {
		p.Fatalf("received %d bytes, want %d, all the same", n, len(want))
	}
}

// wantRest receives to the end, which must be wantErr, and compares.
func (p *pair) wantRest(want []byte, wantErr error) {
	p.Helper()
	var got []byte
	for {
		c, n, err := p.receive()
		if err != nil {
			if err != wantErr {
				p.Errorf("the stream ends with %v, want %v", err, wantErr)
			}
			break
		}
		got = append(got, c.data[:n]...)
		c.giveBack()
	}
	if !bytes.Equal(got, want) {
		p.Errorf("received %d bytes, want %d, all the same", len(got), len(want))
	}
}
