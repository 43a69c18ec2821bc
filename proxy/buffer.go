package proxy

import (
	"sync"
	"sync/atomic"
)

// Sizes of the buffers that a copy step borrows. A step moves up to chunkSize bytes: four full TLS records, so that
// what a socket has ready goes out in one write. A direction that goes on filling chunks earns large ones (see [stride]): waking
// the peer and entering the system cost as much for 64 KiB as for 512.
const (
	chunkSize  = 64 << 10
	largeSize  = 512 << 10
	recordSize = 16 << 10 // most plaintext in one TLS record (RFC 8446, section 5.1)
	recordCost = 96       // most that encryption adds to one: header, nonce, tag and padding
)

// mostLarge bounds how many large buffers of a kind are lent. Readers that have become slow can keep no more than these, and
// the others go on with small ones.
const mostLarge = 16

// chunk is a borrowed buffer. It is held only while bytes are in it: an idle
// session holds none.
type chunk struct {
	data []byte
	home *lender
}

func (c *chunk) giveBack() { c.home.takeBack(c) }

// lender lends buffers of one size.
type lender struct {
	size int
	most int32 // lent at once; 0: no limit
	lent atomic.Int32
	idle sync.Pool
}

var (
	chunks       = lender{size: chunkSize}
	largeChunks  = lender{size: largeSize, most: mostLarge}
	sealeds      = lender{size: sealedSize(chunkSize)}
	largeSealeds = lender{size: sealedSize(largeSize), most: mostLarge}
)

// sealedSize returns how much n bytes become at most when they are encrypted.
func sealedSize(n int) int { return n + n/recordSize*recordCost }

// takeChunk returns a buffer for a step of n bytes; it is smaller if the large ones are all lent.
func takeChunk(n int) *chunk { return lend(&chunks, &largeChunks, n) }

// takeSealed returns a buffer for n bytes, once they are encrypted. It can be too small likewise.
func takeSealed(n int) *chunk { return lend(&sealeds, &largeSealeds, n) }

func lend(usual, large *lender, n int) *chunk {
	if n > chunkSize {
		if c := large.take(); c != nil {
			return c
		}
	}
	return usual.take()
}

// take returns nil when too many are lent.
func (l *lender) take() *chunk {
	if l.most > 0 && l.lent.Add(1) > l.most {
		l.lent.Add(-1)
		return nil
	}
	if c, ok := l.idle.Get().(*chunk); ok {
		return c
	}
	return &chunk{make([]byte, l.size), l}
}

func (l *lender) takeBack(c *chunk) {
	l.idle.Put(c)
	if l.most > 0 {
		l.lent.Add(-1)
	}
}

// stride is how much a direction should read at once.
type stride struct{ full int }

// largeAfter is how many chunks a direction must have filled for large ones: together more than the system keeps for a reader
// that does not read, so that he never holds one.
const largeAfter = 64

// took notes that n bytes were read. A pause now and then does not matter.
func (s *stride) took(n int) {
	if n < chunkSize {
		s.full /= 2
		return
	}
	s.full = min(s.full+1, 4*largeAfter)
}

// next returns how much to read now.
func (s *stride) next() int {
	if s.full >= largeAfter {
		return largeSize
	}
	return chunkSize
}
