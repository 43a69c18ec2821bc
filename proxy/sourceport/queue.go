package sourceport

import (
	"container/list"
	"fmt"
	"time"

	"sallyport/policy"
)

// longestQueue is how many connections wait for a port of one book. More of them would be served so late that their
// clients have gone, and a port that comes free looks through the queue for its first taker.
const longestQueue = 1024

// waiter is one Dial, from its beginning until it has a connection or fails.
type waiter struct {
	route  route
	ports  []policy.PortRange // canonical
	idle   bool
	turn   Turn
	ticket uint64 // the event that it came in with: its place in the queue, also when it has to queue again
	begun  time.Time
	until  time.Time // it waits no longer than this

	book    *book         // that it has looked into last
	granted chan *Lease   // holds the one that it is given while it waits
	place   *list.Element // in the queue
}

func newWaiter(r Request) *waiter {
	now := time.Now()
	w := &waiter{route: routeOf(r.Source, r.Destination), ports: canonical(r.Ports), idle: r.Idle, turn: r.Turn, begun: now, until: now}
	if !r.Idle {
		w.until = now.Add(max(r.Wait, 0))
	}
	return w
}

// String says who wants which ports, and where to.
func (w *waiter) String() string {
	noun := "ports"
	if size(w.ports) == 1 {
		noun = "port"
	}
	return fmt.Sprintf("%s %s %s -> %s", w.route.source, noun, describe(w.ports), w.route.destination)
}

// queue holds waiters in the order in which they came.
type queue struct{ list list.List }

func (q *queue) length() int { return q.list.Len() }

// insert puts a waiter where its ticket belongs: at the back, unless it has been in the queue before. Such a one is
// older than nearly all others, and so its place is looked for from the front.
func (q *queue) insert(w *waiter) {
	if last := q.list.Back(); last == nil || waiterAt(last).ticket < w.ticket {
		w.place = q.list.PushBack(w)
		return
	}
	younger := q.list.Front()
	for waiterAt(younger).ticket < w.ticket {
		younger = younger.Next()
	}
	w.place = q.list.InsertBefore(w, younger)
}

func (q *queue) remove(w *waiter) { q.list.Remove(w.place) }

// first returns who has waited longest for a port; nil if nobody does.
func (q *queue) first(port uint16) *waiter {
	for e := q.list.Front(); e != nil; e = e.Next() {
		if w := waiterAt(e); contains(w.ports, port) {
			return w
		}
	}
	return nil
}

func waiterAt(e *list.Element) *waiter { return e.Value.(*waiter) }
