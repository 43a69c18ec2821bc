package policy

const (
	limitSweep     = 4  // entries looked at for every one that is added: more than one, so that dropping outpaces adding
	limitSweepFull = 16 // and when there is no room
)

// limitMap is a map with a bound. It never drops an entry to make room for another: only entries that their owner
// calls spent go, which are those that no one could tell from entries that were never made.
//
// Dropping is paid for by adding, a few entries at a time, so no call is ever slow.
type limitMap[K comparable, V any] struct {
	limit  int
	index  map[K]*limitSlot[K, V]
	order  []*limitSlot[K, V] // every entry once: where the sweep walks
	cursor int                // the sweep's next entry in order
	peak   int                // the most entries since the memory was last given back
}

type limitSlot[K comparable, V any] struct {
	key   K
	place int32 // in order
	value V
}

// find returns the entry of key, nil when there is none.
func (m *limitMap[K, V]) find(key K) *V {
	if slot, ok := m.index[key]; ok {
		return &slot.value
	}
	return nil
}

// add makes an entry for key, which has none yet. It returns nil when there is no room.
func (m *limitMap[K, V]) add(key K, spent func(K, *V) bool) *V {
	m.sweep(limitSweep, spent)
	if len(m.order) >= m.limit {
		m.sweep(limitSweepFull, spent)
	}
	if len(m.order) >= m.limit {
		return nil
	}
	if m.index == nil {
		m.index = make(map[K]*limitSlot[K, V])
	}
	slot := &limitSlot[K, V]{key: key, place: int32(len(m.order))}
	m.index[key] = slot
	m.order = append(m.order, slot)
	m.peak = max(m.peak, len(m.order))
	return &slot.value
}

// sweep looks at the next n entries, at each one if there are no more than n, and drops those that are spent. The
// function is not called again for an entry after it said so.
func (m *limitMap[K, V]) sweep(n int, spent func(K, *V) bool) {
	if n >= len(m.order) {
		m.cursor = 0 // from the middle on, entries looked at would move down to where others go, and some would be left out
	}
	for range min(n, len(m.order)) {
		if m.cursor >= len(m.order) {
			m.cursor = 0
		}
		slot := m.order[m.cursor]
		if spent(slot.key, &slot.value) {
			m.drop(slot)
		} else {
			m.cursor++
		}
	}
}

// remove drops the entry of key, if there is one.
func (m *limitMap[K, V]) remove(key K) {
	if slot, ok := m.index[key]; ok {
		m.drop(slot)
	}
}

func (m *limitMap[K, V]) drop(slot *limitSlot[K, V]) {
	delete(m.index, slot.key)
	last := len(m.order) - 1
	moved := m.order[last]
	m.order[slot.place], moved.place = moved, slot.place
	m.order[last] = nil
	m.order = m.order[:last]
	m.shrink()
}

// shrink gives memory back after a flood: Go's maps and slices keep what they once had. What it copies is less than
// what was dropped since, so it costs nothing in the long run.
func (m *limitMap[K, V]) shrink() {
	if m.peak < 64 || len(m.order) > m.peak/4 {
		return
	}
	m.peak = len(m.order)
	m.index = make(map[K]*limitSlot[K, V], len(m.order))
	for _, slot := range m.order {
		m.index[slot.key] = slot
	}
	m.order = append(make([]*limitSlot[K, V], 0, len(m.order)), m.order...)
}
