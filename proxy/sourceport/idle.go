package sourceport

import "time"

// A book that holds nothing is kept for a while, since the order in which its ports have rested is worth something: the
// network may still remember the last connection of each. Names that resolve to ever new addresses must not fill the
// memory with them.
const (
	idleTime  = 2 * time.Minute // twice as long as a kernel keeps TIME_WAIT
	idleBooks = 1024
	idlePorts = 1 << 16 // in all of them; more than one book can have
)

// open returns the book of a route, which is in use until [Pool.rest].
func (p *Pool) open(r route) *book {
	b := p.books[r]
	if b == nil {
		b = newBook(r)
		p.books[r] = b
	}
	if b.idle != nil {
		p.idle.Remove(b.idle)
		p.idlePorts -= len(b.slots)
		b.idle = nil
	}
	return b
}

// rest makes a book idle if nothing is held or waited for.
func (p *Pool) rest(b *book) {
	if b.held > 0 || b.waiting.length() > 0 || b.idle != nil {
		return
	}
	b.idle, b.quiet = p.idle.PushBack(b), time.Now()
	p.idlePorts += len(b.slots)
	p.forget(b.quiet)
}

// forget drops the books that have been idle for longest: those that are too old, and those that are too many.
func (p *Pool) forget(now time.Time) {
	for e := p.idle.Front(); e != nil; e = p.idle.Front() {
		b := e.Value.(*book)
		if p.idle.Len() <= idleBooks && p.idlePorts <= idlePorts && now.Sub(b.quiet) < idleTime {
			return
		}
		p.idle.Remove(e)
		p.idlePorts -= len(b.slots)
		delete(p.books, b.route)
	}
}
