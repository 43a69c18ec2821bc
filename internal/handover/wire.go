package handover

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"
)

// source reads once: up to len(b) bytes, and the descriptors that came with them, which are the caller's.
type source func(b []byte) (n int, files []*os.File, err error)

// wire reads and writes messages. It belongs to one goroutine.
type wire struct {
	conn    *net.UnixConn
	receive source
}

func newWire(conn *net.UnixConn) (*wire, error) {
	if err := checkPeer(conn); err != nil {
		return nil, err
	}
	return &wire{conn: conn, receive: func(b []byte) (int, []*os.File, error) { return readWithFiles(conn, b) }}, nil
}

// await reads the next message, which has to be of this kind and to come within patience.
func (w *wire) await(want kind, patience time.Duration) (payload []byte, files []*os.File, err error) {
	if err := w.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return nil, nil, err
	}
	payload, files, err = readMessage(w.receive, want)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, nil, fmt.Errorf("no %s within %s: %w", want, patience, err)
	}
	return payload, files, err
}

// awaitBare is await for a message that has no descriptors.
func (w *wire) awaitBare(want kind, patience time.Duration) ([]byte, error) {
	payload, files, err := w.await(want, patience)
	if len(files) > 0 {
		closeAll(files)
		return nil, fmt.Errorf("%w: %s with descriptors", errMalformed, want)
	}
	return payload, err
}

// lastLook is how long a message may take that has arrived already.
const lastLook = 20 * time.Millisecond

// awaitLate is awaitBare for a process that may have been asleep itself: a message that arrived in time counts, however late
// this process wakes up and looks.
func (w *wire) awaitLate(want kind, patience time.Duration) ([]byte, error) {
	payload, err := w.awaitBare(want, patience)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		if payload, late := w.awaitBare(want, lastLook); !errors.Is(late, os.ErrDeadlineExceeded) {
			return payload, late
		}
	}
	return payload, err
}

// readMessage reads one message. Unless it returns them, it closes the descriptors that came.
func readMessage(receive source, want kind) (payload []byte, files []*os.File, err error) {
	defer func() {
		if err != nil {
			closeAll(files)
			payload, files = nil, nil
		}
	}()
	var head [headerLen]byte
	if files, err = readFull(receive, head[:], files); err != nil {
		return nil, files, gone(err)
	}
	h, err := decodeHeader(head[:])
	if err != nil {
		return nil, files, err
	}
	for len(payload) < h.length { // grows with what arrives, not with what is announced
		chunk := make([]byte, min(h.length-len(payload), 64<<10))
		if files, err = readFull(receive, chunk, files); err != nil {
			return nil, files, gone(err)
		}
		payload = append(payload, chunk...)
	}
	switch {
	case h.kind == kindAbort:
		return nil, files, refusal(payload)
	case h.kind != want:
		return nil, files, fmt.Errorf("%w: %s instead of %s", errMalformed, h.kind, want)
	default:
		return payload, files, nil
	}
}

// readFull fills b and adds the descriptors that come with it to files. More than a batch of them is an error.
func readFull(receive source, b []byte, files []*os.File) ([]*os.File, error) {
	for len(b) > 0 {
		n, more, err := receive(b)
		files = append(files, more...)
		switch {
		case err != nil:
			return files, err
		case n == 0:
			return files, io.EOF
		case len(files) > batch:
			return files, fmt.Errorf("%w: more than %d descriptors", errMalformed, batch)
		}
		b = b[n:]
	}
	return files, nil
}

// gone tells the end of the other process from other errors.
func gone(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return ErrGone
	}
	return err
}

// refusal is the other side's reason, which goes into logs: quoted if it is not plain, and cut.
func refusal(payload []byte) error {
	var a abort
	if err := decode(kindAbort, payload, &a); err != nil {
		return err
	}
	const most = 500
	reason := a.Reason
	if len(reason) > most {
		reason = reason[:most] + "…"
	}
	if quoted := strconv.Quote(reason); len(quoted) != len(reason)+2 {
		reason = quoted
	}
	return &Refusal{Reason: reason}
}

// send writes a message with a value as its payload; none if it is nil.
func (w *wire) send(k kind, value any, files []*os.File, patience time.Duration) error {
	var payload []byte
	if value != nil {
		var err error
		if payload, err = json.Marshal(value); err != nil {
			return fmt.Errorf("%s: %w", k, err)
		}
	}
	return w.sendRaw(k, payload, files, patience)
}

// sendSign writes a message without a payload, and without a deadline: its few bytes always fit, and a process that slept through
// a deadline would take them for unsent.
func (w *wire) sendSign(k kind) error { return w.sendRaw(k, nil, nil, 0) }

// sendRaw writes a message; without a deadline if patience is 0.
func (w *wire) sendRaw(k kind, payload []byte, files []*os.File, patience time.Duration) error {
	message, err := encode(k, payload)
	if err != nil {
		return err
	}
	if err := w.conn.SetWriteDeadline(deadline(patience)); err != nil {
		return err
	}
	if err := writeWithFiles(w.conn, message, files); err != nil {
		return fmt.Errorf("%s: %w", k, gone(err))
	}
	return nil
}

// deadline is when patience ends; never if it is 0.
func deadline(patience time.Duration) (at time.Time) {
	if patience != 0 {
		at = time.Now().Add(patience)
	}
	return at
}

// giveUp says why this side goes no further. The other one may be gone already.
func (w *wire) giveUp(reason string) {
	_ = w.send(kindAbort, abort{Reason: reason}, nil, time.Second)
}

func closeAll(files []*os.File) {
	for _, file := range files {
		_ = file.Close() // a duplicate
	}
}
