package upstream

import (
	"encoding/binary"
	"hash/fnv"
	"net/netip"
)

// better reports whether a session should rather go to m than to an endpoint that came before it in the rotation. The
// lock is held.
func (g *Group) better(m, than *member, client netip.Addr) bool {
	switch g.settings.Balance {
	case RoundRobin:
		return false
	case SourceHash:
		return affinity(m.hash, client) > affinity(than.hash, client)
	default:
		return m.appeal() < than.appeal()
	}
}

// appeal is the number of sessions, or less than any for an endpoint that somebody has to try: the sessions that it still has
// must not keep it from being found well again.
func (m *member) appeal() int {
	if !m.healthy {
		return -1
	}
	return m.load()
}

// affinity says how much a client is drawn to an endpoint. It is drawn to the same one by every process and whatever
// the other endpoints are, so that one that leaves moves only its own clients (rendezvous hashing).
func affinity(endpoint uint64, client netip.Addr) uint64 {
	b := client.As16() // the same for an IPv4 address and its mapped form
	high, low := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	return scatter(scatter(scatter(endpoint)^high) ^ low)
}

func hashName(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}

// scatter is a bijection under which each bit of x decides about each bit of the result: the last steps of splitmix64.
func scatter(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
