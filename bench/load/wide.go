package load

import (
	"bufio"
	"net"
)

// wideSize holds a few of the largest TLS records.
const wideSize = 128 << 10

// wide moves many TLS records with one system call, so that large transfers cost the load less than they cost the proxy. What is
// written stays until flush or a full buffer, but for what is small enough to be waited for: handshakes and orders.
type wide struct {
	net.Conn
	in  *bufio.Reader
	out *bufio.Writer
}

func newWide(conn net.Conn) *wide {
	return &wide{Conn: conn, in: bufio.NewReaderSize(conn, wideSize), out: bufio.NewWriterSize(conn, wideSize)}
}

func (w *wide) Read(b []byte) (int, error) { return w.in.Read(b) }

func (w *wide) Write(b []byte) (int, error) {
	n, err := w.out.Write(b)
	if err == nil && len(b) < 8<<10 {
		err = w.out.Flush()
	}
	return n, err
}
