package proxy

import "sync"

// Sizes of the buffers that a copy step borrows. A step moves up to chunkSize
// bytes: four full TLS records, so that what a socket has ready goes out in one write.
const (
	chunkSize  = 64 << 10
	recordSize = 16 << 10                            // most plaintext in one TLS record (RFC 8446, section 5.1)
	sealedSize = chunkSize + chunkSize/recordSize*96 // the same, encrypted: header, nonce, tag and padding of each record
)

// chunk is a borrowed buffer. It is held only while bytes are in it: an idle
// session holds none.
type chunk struct {
	data [chunkSize]byte
}

var chunks = sync.Pool{New: func() any { return new(chunk) }}

func takeChunk() *chunk    { return chunks.Get().(*chunk) }
func (c *chunk) giveBack() { chunks.Put(c) }

// sealed is a borrowed buffer for encrypted records on their way out.
type sealed struct {
	data [sealedSize]byte
	n    int
}

var sealeds = sync.Pool{New: func() any { return new(sealed) }}

func takeSealed() *sealed   { s := sealeds.Get().(*sealed); s.n = 0; return s }
func (s *sealed) giveBack() { sealeds.Put(s) }
