package proxy

import (
	"bytes"
	"crypto/tls"
	"io"
	"math/rand/v2"

	"testing"
)

var closeNotify = []byte{1, 0}

func TestWireSplitAnywhere(t *testing.T) {
	for at := 0; ; at++ {
		p := newPair(t, tls.VersionTLS13)
		stream := join(p.record([]byte("first")), p.record(nil), p.record([]byte("second")), p.seal(21, closeNotify))
		if at > len(stream) {
			break
		}
		p.feed.give(stream[:at], stream[at:])
		p.feed.waiting = p.wantNothingHeld
		p.wantRest([]byte("firstsecond"), io.EOF)
	}
}

func TestWireByteByByte(t *testing.T) {
	p := newPair(t, tls.VersionTLS13)
	text := noise(1, 3000)
	for _, b := range join(p.record(text[:1]), p.record(text[1:2000]), p.record(text[2000:]), p.seal(21, closeNotify)) {
		p.feed.give([]byte{b})
	}
	p.feed.waiting = p.wantNothingHeld
	p.wantRest(text, io.EOF)
}

// wantNothingHeld is for the moment at which an end waits for its peer.
func (p *pair) wantNothingHeld() {
	if p.wire.in != nil {
		p.Errorf("%d encrypted bytes are held in a chunk while waiting", p.wire.end-p.wire.at)
	}
}

// TestWireDeliversAtOnce: what is complete does not wait for what is not.
func TestWireDeliversAtOnce(t *testing.T) {
	rests := map[string]func(p *pair) []byte{
		"nothing":                         func(p *pair) []byte { return nil },
		"one byte of the next":            func(p *pair) []byte { return p.record([]byte("later"))[:1] },
		"all but one byte of a header":    func(p *pair) []byte { return p.record([]byte("later"))[:4] },
		"a header":                        func(p *pair) []byte { return p.record([]byte("later"))[:5] },
		"all but one byte of the next":    func(p *pair) []byte { b := p.record([]byte("later")); return b[:len(b)-1] },
		"an empty record":                 func(p *pair) []byte { return p.record(nil) },
		"a key update":                    func(p *pair) []byte { return p.keyUpdate(false) },
		"half a key update":               func(p *pair) []byte { return p.seal(22, []byte{24, 0, 0}) },
		"a key update and half a header":  func(p *pair) []byte { return append(p.keyUpdate(false), 23, 3) },
		"an empty record and half an one": func(p *pair) []byte { return append(p.record(nil), p.record([]byte("later"))[:9]...) },
	}
	for name, rest := range rests {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, tls.VersionTLS13)
			p.feed.give(join(p.record([]byte("now")), rest(p)))
			p.feed.waiting = func() {
				if len(p.feed.pieces) == 0 {
					t.Error("waits for more with a whole record at hand")
				}
			}
			p.wantNext([]byte("now"))
		})
	}
}

// TestWireSplitHandshakeMessage: a message behind the handshake may be cut into records, with time between them.
func TestWireSplitHandshakeMessage(t *testing.T) {
	p := newPair(t, tls.VersionTLS13)
	p.feed.give(p.record([]byte("before")), p.seal(22, []byte{24, 0, 0}), p.seal(22, []byte{1, 0}))
	p.wantRest([]byte("before"), errTruncated)
}

// TestWireKeyUpdate: data goes on behind an update of the keys, wherever the records are cut.
func TestWireKeyUpdate(t *testing.T) {
	for _, together := range []bool{false, true} {
		p := newPair(t, tls.VersionTLS13)
		records := [][]byte{p.record([]byte("one ")), p.keyUpdate(false), p.record([]byte("two ")), p.keyUpdate(false),
			p.keyUpdate(false), p.record([]byte("three")), p.seal(21, closeNotify)}
		if together {
			records = [][]byte{join(records...)}
		}
		p.feed.give(records...)
		p.wantRest([]byte("one two three"), io.EOF)
	}
}

// TestWireManyRecordsAtOnce: one step takes what has come, as far as it fits.
func TestWireManyRecordsAtOnce(t *testing.T) {
	p := newPair(t, tls.VersionTLS13)
	var stream, text []byte
	for i := range 40 {
		piece := noise(i, 100)
		text, stream = append(text, piece...), append(stream, p.record(piece)...)
	}
	p.feed.give(stream)
	p.wantNext(text)
}

// TestWireFullChunks: records that do not fit into a chunk wait for the next one as a whole. What crypto/tls kept of
// them would wait for more to come.
func TestWireFullChunks(t *testing.T) {
	for _, size := range []int{recordSize, recordSize - 1, 15000, 9000} {
		p := newPair(t, tls.VersionTLS13)
		var stream, text []byte
		for i := 0; len(text)+size <= chunkSize+recordSize; i++ {
			piece := noise(i, size)
			text, stream = append(text, piece...), append(stream, p.record(piece)...)
		}
		most := size // of the first record, so that the rest of all is there at once
		p.feed.give(stream[:most], stream[most:])
		p.wantRest(text, errTruncated)
	}
}

// TestWirePrefix: what was read ahead comes first, however much it is.
func TestWirePrefix(t *testing.T) {
	p := newPair(t, tls.VersionTLS13)
	var stream, text []byte
	for i := range 20 {
		piece := noise(i, 15000)
		text, stream = append(text, piece...), append(stream, p.record(piece)...)
	}
	cut := 3*chunkSize + 777
	p.wire.ahead = stream[:cut]
	p.feed.give(stream[cut:])
	p.wantRest(text, errTruncated)
	if p.wire.ahead != nil {
		t.Error("the prefix is kept")
	}
}

func TestWireEndsWithin(t *testing.T) {
	for n := range 29 {
		p := newPair(t, tls.VersionTLS13)
		p.feed.give(p.record([]byte("whole")), p.record([]byte("cut off"))[:n])
		p.wantRest([]byte("whole"), errTruncated)
	}
}

// TestWireRandom: records of any size in segments of any size give the plaintext.
func TestWireRandom(t *testing.T) {
	for seed := range 50 {
		p := newPair(t, tls.VersionTLS13)
		random := rand.New(rand.NewPCG(uint64(seed), 1))
		var stream, text []byte
		for range 1 + random.IntN(30) {
			piece := noise(seed, random.IntN(1<<random.IntN(15)))
			text, stream = append(text, piece...), append(stream, p.record(piece)...)
		}
		stream = append(stream, p.seal(21, closeNotify)...)
		for len(stream) > 0 {
			n := min(1+random.IntN(1<<random.IntN(18)), len(stream))
			p.feed.give(stream[:n])
			stream = stream[n:]
		}
		p.feed.waiting = p.wantNothingHeld
		p.wantRest(text, io.EOF)
	}
}

// FuzzWire: the wire hands out exactly what it reads, never more than the rest of one record at a time, and
// keeps less than a header when it says that it has nothing.
func FuzzWire(f *testing.F) {
	f.Add([]byte("\x17\x03\x03\x00\x03abc\x17\x03\x03\x00\x00\x15"), uint64(1), uint16(3), uint16(10))
	f.Add(bytes.Repeat([]byte{0x16, 3, 3, 0x40, 0}, 9000), uint64(2), uint16(70), uint16(600))
	f.Fuzz(func(t *testing.T, stream []byte, seed uint64, ahead, most uint16) {
		random := rand.New(rand.NewPCG(seed, 0))
		in := &feed{}
		w := newWire(in, nil, noDeadline)
		w.handshakeOver()
		w.ahead = stream[:min(int(ahead), len(stream))]
		in.give(cutUp(random, stream[len(w.ahead):], int(most))...)
		var got []byte
		left := 0 // bytes of the current record, by the test's own count
		for {
			p := make([]byte, 1+random.IntN(1+int(most)))
			n, err := w.Read(p)
			if (n > 0) != (err == nil) || err != nil && err != errNoRecord {
				t.Fatalf("Read = %d, %v", n, err)
			}
			if err != nil {
				if w.ready() {
					t.Fatal("ready, but nothing is handed out")
				}
				if w.in != nil && w.end-w.at >= recordHeader {
					t.Fatalf("%d bytes are kept", w.end-w.at)
				}
				if w.fill() != nil {
					break
				}
				continue
			}
			if left == 0 {
				header := stream[len(got):]
				left = recordHeader + int(header[3])<<8 + int(header[4])
			}
			got = append(got, p[:n]...)
			if left -= n; left < 0 {
				t.Fatalf("%d bytes of the next record are handed out", -left)
			}
		}
		if rest := len(stream) - len(got); rest != w.nsplit || rest >= recordHeader || !bytes.HasPrefix(stream, got) {
			t.Fatalf("%d bytes of %d came out, %d are kept", len(got), len(stream), w.nsplit)
		}
	})
}

// cutUp cuts b into pieces of random length.
func cutUp(random *rand.Rand, b []byte, most int) (pieces [][]byte) {
	for len(b) > 0 {
		n := min(1+random.IntN(1+most), len(b))
		pieces = append(pieces, b[:n])
		b = b[n:]
	}
	return pieces
}

func join(pieces ...[]byte) []byte { return bytes.Join(pieces, nil) }
