package proxy

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"sync"
	"time"
)

// wire is the socket under a TLS connection. It stands between crypto/tls and
// the network so that
//
//   - reading takes what the socket has in one system call and hands it out
//     record by record: crypto/tls never keeps more than the rest of one record, and
//     whether more is ready is known without asking the system;
//   - while the session is relayed, a read never waits inside crypto/tls: it
//     returns errNoRecord, and the relay waits in [wire.fill] where no buffer is held;
//   - the records of one copy step go out in one write (cork, flush);
//   - a handshake occupies its place in the lane only while it computes.
//
// Reads belong to one goroutine, writes may come from any.
type wire struct {
	net.Conn // the bare socket: deadlines, addresses, writes
	socket   *socket

	ahead   []byte // read before the wire existed, not yet looked at
	in      *chunk // encrypted bytes that wait; nil when there are none
	at, end int    // what of in is left
	left    int    // bytes of the current record that were not handed out yet
	split   [recordHeader - 1]byte
	nsplit  int  // bytes in split: the beginning of a header whose rest has not come
	relayed bool // reads do not wait any more
	ended   bool // the socket's stream is over

	lane     *Lane // nil outside the handshake
	inLane   bool
	entered  bool // the lane before: a handshake gives way to others once
	deadline time.Time
	budget   time.Duration // until the deadline, at first
	queued   time.Duration // of it, waiting for the lane

	served     *x509.Certificate
	serverName string // of the client's hello
	offered    uint16 // the newest version in it
	alert      error  // a fatal alert that came unencrypted during the handshake

	mu   sync.Mutex
	out  *chunk // encrypted bytes to send; nil: writes go straight to the socket
	nout int    // how many
}

const recordHeader = 5 // type, version, length (RFC 8446, section 5.1)

// prefixed is a connection from which bytes were read ahead.
type prefixed interface {
	Prefix() []byte
	NetConn() net.Conn
}

// bare takes a connection apart into its socket and what was read ahead from it.
func bare(conn net.Conn) (net.Conn, []byte) {
	if p, ok := conn.(prefixed); ok {
		return p.NetConn(), p.Prefix()
	}
	return conn, nil
}

// newWire returns a wire for a handshake that ends by the deadline.
func newWire(conn net.Conn, lane *Lane, deadline time.Time) *wire {
	conn, ahead := bare(conn)
	return &wire{
		Conn:     conn,
		socket:   newSocket(conn),
		ahead:    ahead,
		lane:     lane,
		deadline: deadline,
		budget:   time.Until(deadline),
	}
}

// again says that no whole record has arrived. crypto/tls keeps what it has and
// can be asked again, since the error calls itself temporary.
type again struct{}

func (again) Error() string   { return "no whole record yet" }
func (again) Timeout() bool   { return true }
func (again) Temporary() bool { return true }

var errNoRecord net.Error = again{}

// Read hands out bytes of at most one record. In the handshake it waits for them.
func (w *wire) Read(p []byte) (int, error) {
	for {
		if n := w.handOut(p); n > 0 {
			return n, nil
		}
		if w.relayed {
			return 0, errNoRecord
		}
		if err := w.fillOutsideLane(); err != nil {
			return 0, err
		}
	}
}

// handOut copies what may be read of the current record.
func (w *wire) handOut(p []byte) int {
	if w.in == nil {
		return 0
	}
	waiting := w.in.data[w.at:w.end]
	if w.left == 0 {
		if len(waiting) < recordHeader {
			return 0
		}
		w.left = recordHeader + int(binary.BigEndian.Uint16(waiting[3:]))
		if !w.relayed {
			w.noteAlert(waiting)
		}
	}
	n := copy(p, waiting[:min(len(waiting), w.left)])
	w.at += n
	w.left -= n
	if w.at == w.end {
		w.in.giveBack()
		w.in = nil
	}
	return n
}

// noteAlert remembers a fatal alert that its peer sent without encryption. OpenSSL does that in TLS 1.3
// when it rejects our certificate; crypto/tls expects encryption by then and would only
// say that the record is damaged.
func (w *wire) noteAlert(record []byte) {
	const alertType, alertSize, fatal = 21, 2, 2 // RFC 8446, sections 5.1 and 6; encrypted alerts are longer
	if w.left == recordHeader+alertSize && len(record) >= w.left && record[0] == alertType && record[recordHeader] == fatal {
		w.alert = &net.OpError{Op: remoteError, Err: tls.AlertError(record[recordHeader+1])}
	}
}

// ready reports whether Read can hand something out without waiting.
func (w *wire) ready() bool {
	return w.in != nil && (w.left > 0 || w.end-w.at >= recordHeader)
}

// fill waits for the socket and takes what it has. No buffer is held while it waits: the few
// bytes of a split record header are put aside for that time.
func (w *wire) fill() error {
	if w.in != nil { // at most four bytes, see ready
		w.nsplit = copy(w.split[:], w.in.data[w.at:w.end])
		w.in.giveBack()
		w.in = nil
	}
	c, n, err := w.next(w.nsplit)
	if err != nil {
		w.ended = w.ended || err == io.EOF
		if w.ended && w.nsplit > 0 {
			return io.ErrUnexpectedEOF
		}
		return err
	}
	copy(c.data, w.split[:w.nsplit])
	w.in, w.at, w.end = c, 0, w.nsplit+n
	w.nsplit = 0
	return nil
}

// next returns what was read ahead, and then what the socket has.
func (w *wire) next(offset int) (*chunk, int, error) {
	if len(w.ahead) == 0 {
		w.ahead = nil
		return w.socket.read(offset)
	}
	c := takeChunk(chunkSize)
	n := copy(c.data[offset:], w.ahead)
	w.ahead = w.ahead[n:]
	return c, n, nil
}

// Write sends p, or keeps it for flush while corked.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.out == nil {
		return w.writeOutsideLane(p)
	}
	if len(p) > len(w.out.data)-w.nout {
		if err := w.sendCorked(); err != nil {
			return 0, err
		}
		if len(p) > len(w.out.data) {
			return w.socket.write(p)
		}
	}
	w.nout += copy(w.out.data[w.nout:], p)
	return len(p), nil
}

// cork collects what n bytes become until flush.
func (w *wire) cork(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.out == nil {
		w.out, w.nout = takeSealed(n), 0
	}
}

// flush sends what was collected in one write.
func (w *wire) flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.out == nil {
		return nil
	}
	err := w.sendCorked()
	w.out.giveBack()
	w.out = nil
	return err
}

func (w *wire) sendCorked() error {
	_, err := w.socket.write(w.out.data[:w.nout])
	w.nout = 0
	return err
}

// fillOutsideLane is fill for the handshake, which leaves its place to others while it
// waits for the peer.
func (w *wire) fillOutsideLane() error {
	w.leaveLane()
	if err := w.fill(); err != nil {
		return err
	}
	if w.tryLane() {
		return nil
	}
	w.putAside()
	if err := w.enterLane(); err != nil {
		return err
	}
	return w.fill() // from what was put aside
}

// putAside gives the chunk back and keeps what is in it for the next fill. In a storm, sessions that wait for the lane or
// for an upstream would otherwise hold as many chunks, each with a hello or a first message in it.
func (w *wire) putAside() {
	if w.in == nil {
		return
	}
	w.ahead = slices.Concat(w.in.data[w.at:w.end], w.ahead)
	w.in.giveBack()
	w.in = nil
}

func (w *wire) writeOutsideLane(p []byte) (int, error) {
	held := w.inLane
	w.leaveLane()
	n, err := w.socket.write(p)
	if err != nil || !held {
		return n, err
	}
	return n, w.enterLane()
}

// tryLane takes a place if it is to be had without waiting, and reports whether there is nothing to wait for.
func (w *wire) tryLane() bool {
	if w.lane == nil || w.inLane {
		return true
	}
	if w.entered {
		w.inLane = w.lane.free()
	} else {
		w.inLane = w.lane.try()
		w.entered = w.inLane
	}
	return w.inLane
}

func (w *wire) enterLane() error {
	if w.lane == nil || w.inLane {
		return nil
	}
	start := time.Now()
	enter := w.lane.enter
	if w.entered {
		enter = w.lane.wait
	}
	err := enter(w.deadline)
	w.queued += time.Since(start)
	w.inLane, w.entered = err == nil, true
	return err
}

func (w *wire) leaveLane() {
	if w.inLane {
		w.inLane = false
		w.lane.leave()
	}
}

// handshakeOver ends the handshake's rules; from now on reads do not wait.
func (w *wire) handshakeOver() {
	w.leaveLane()
	w.putAside()
	w.lane = nil
	w.relayed = true
}

// SetWriteDeadline does nothing. crypto/tls gives its close_notify five seconds and then forbids the
// socket to write, which would cut off a slow reader and undo an interruption. The session sets its
// deadlines on the socket itself.
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

// ClientHello is told what the client asks for, before anything comes of it.
func (w *wire) ClientHello(hello *tls.ClientHelloInfo) {
	w.serverName = hello.ServerName
	for _, version := range hello.SupportedVersions {
		if version <= tls.VersionTLS13 { // others are there to keep us flexible (RFC 8701)
			w.offered = max(w.offered, version)
		}
	}
}

// CertificateServed is told by the certificate's provider which one it chose.
func (w *wire) CertificateServed(leaf *x509.Certificate) { w.served = leaf }
