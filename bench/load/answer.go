package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
)

// answer is the memory for what comes back, used again for the next one.
type answer []byte

var errWrong = errors.New("wrong bytes came back")

// expect reads as much as is wanted and compares it.
func (a *answer) expect(r io.Reader, want []byte) error {
	*a = slices.Grow((*a)[:0], len(want))[:len(want)]
	if _, err := io.ReadFull(r, *a); err != nil {
		return fmt.Errorf("receive: %w", withoutAddresses(err))
	}
	if !bytes.Equal(*a, want) {
		return errWrong
	}
	return nil
}
