package certs

import (
	"crypto/sha256"
	"encoding/binary"
)

// memo remembers values by key until a sweep finds them unused. The zero value is ready.
type memo[K comparable, V any] struct {
	entries map[K]*memoEntry[V]
}

type memoEntry[V any] struct {
	value V
	used  bool // since the last sweep
}

// recall returns the value of key and marks it used.
func (m *memo[K, V]) recall(key K) (V, bool) {
	entry, ok := m.entries[key]
	if !ok {
		var none V
		return none, false
	}
	entry.used = true
	return entry.value, true
}

// keep remembers the value of key and returns it.
func (m *memo[K, V]) keep(key K, value V) V {
	if m.entries == nil {
		m.entries = make(map[K]*memoEntry[V])
	}
	m.entries[key] = &memoEntry[V]{value: value, used: true}
	return value
}

func (m *memo[K, V]) sweep() {
	for key, entry := range m.entries {
		if !entry.used {
			delete(m.entries, key)
		}
		entry.used = false
	}
}

// digest is the hash of some contents.
type digest = [sha256.Size]byte

// contentHash returns a digest of the pieces, kept apart by their lengths.
func contentHash(pieces ...[]byte) digest {
	h := sha256.New()
	for _, piece := range pieces {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(piece)))
		h.Write(size[:])
		h.Write(piece)
	}
	return digest(h.Sum(nil))
}
