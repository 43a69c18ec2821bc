package backend

import (
	"bytes"
	"fmt"
	"io"
)

// step is how much is sent or checked at a time.
const step = 256 << 10

// period is the length after which the pattern repeats: a prime, so that no buffer's size hides a lost or doubled piece.
const period = 65521

// sheet is the pattern, long enough for a step from any place in it. Nobody writes to it.
var sheet = func() []byte {
	b := make([]byte, period+step)
	x := uint32(1)
	for i := range period {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	for i := period; i < len(b); i++ {
		b[i] = b[i-period]
	}
	return b
}()

// Piece returns n bytes of the pattern from offset on, n at most 256 KiB. It may be read, not changed.
func Piece(offset int64, n int) []byte {
	at := int(offset % period)
	return sheet[at : at+n]
}

// Send writes the first size bytes of the pattern.
func Send(w io.Writer, size int64) error {
	for at := int64(0); at < size; {
		piece := Piece(at, int(min(step, size-at)))
		if _, err := w.Write(piece); err != nil {
			return err
		}
		at += int64(len(piece))
	}
	return nil
}

// Check reads size bytes and compares each of them with the pattern.
func Check(r io.Reader, size int64, buf []byte) error {
	for at := int64(0); at < size; {
		n, err := r.Read(buf[:min(int64(len(buf)), size-at, step)])
		if !bytes.Equal(buf[:n], Piece(at, n)) {
			return fmt.Errorf("wrong bytes between offset %d and %d", at, at+int64(n))
		}
		at += int64(n)
		if err != nil && at < size {
			return fmt.Errorf("after %d of %d bytes: %w", at, size, err)
		}
	}
	return nil
}
