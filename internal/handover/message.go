package handover

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
)

// A message is a header and a payload. The header never changes, so that every version can read at least why another one
// refuses:
//
//	bytes 0-1   "SH"
//	byte  2     version of the protocol
//	byte  3     kind
//	bytes 4-7   length of the payload, big-endian
const (
	headerLen  = 8
	magic      = "SH"
	protocol   = 1
	maxPayload = 64 << 20 // ticket keys of 10,000 ports are 5 MiB

	maxSockets = 1 << 16
	batch      = 128 // descriptors in one message; the kernel takes 253 (SCM_MAX_FD)
)

type kind byte

const (
	kindHello kind = 1 + iota
	kindOffer
	kindSockets
	kindTake
	kindState
	kindReady
	kindDone
	kindAbort
)

// String returns the word used in errors.
func (k kind) String() string {
	names := [...]string{"", "hello", "offer", "sockets", "take", "state", "ready", "done", "abort"}
	if k == 0 || int(k) >= len(names) {
		return fmt.Sprintf("kind %d", byte(k))
	}
	return names[k]
}

// offer says who gives, and how many sockets follow.
type offer struct {
	Process
	Sockets int `json:"sockets"`
}

// label is a socket without its descriptor, which travels beside it.
type label struct {
	Name    string `json:"name"`
	Foreign bool   `json:"foreign,omitempty"`
}

type abort struct {
	Reason string `json:"reason"`
}

// header is the decoded beginning of a message.
type header struct {
	kind   kind
	length int
}

func (h header) encode() []byte {
	b := append([]byte(magic), protocol, byte(h.kind))
	return binary.BigEndian.AppendUint32(b, uint32(h.length))
}

var errMalformed = errors.New("malformed message")

// decodeHeader reads headerLen bytes. A message of another version is an error unless it is an abort.
func decodeHeader(b []byte) (header, error) {
	h := header{kind: kind(b[3])}
	switch length := binary.BigEndian.Uint32(b[4:]); {
	case string(b[:2]) != magic:
		return header{}, fmt.Errorf("%w: it begins with %q", errMalformed, b[:2])
	case b[2] != protocol && h.kind != kindAbort:
		return header{}, fmt.Errorf("version %d of the protocol is spoken there, and %d here", b[2], protocol)
	case h.kind < kindHello || h.kind > kindAbort:
		return header{}, fmt.Errorf("%w: %s", errMalformed, h.kind)
	case length > maxPayload:
		return header{}, fmt.Errorf("%w: %s of %d bytes", errMalformed, h.kind, length)
	default:
		h.length = int(length)
		return h, nil
	}
}

// encode returns a whole message.
func encode(k kind, payload []byte) ([]byte, error) {
	if len(payload) > maxPayload {
		return nil, fmt.Errorf("%s of %d bytes is more than can be handed over", k, len(payload))
	}
	return append(header{kind: k, length: len(payload)}.encode(), payload...), nil
}

// decode reads a payload into a value.
func decode(k kind, payload []byte, into any) error {
	if err := json.Unmarshal(payload, into); err != nil {
		return fmt.Errorf("%w: %s: %w", errMalformed, k, err)
	}
	return nil
}
