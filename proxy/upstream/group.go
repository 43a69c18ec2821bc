package upstream

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Group is the lasting state of one upstream. Create it with [NewGroup] and call [Group.Configure] before anything else;
// its methods are safe for concurrent use.
type Group struct {
	name    string
	log     *slog.Logger
	checker Checker

	mu       sync.Mutex
	after    []func()           // what is done as soon as mu is free; see unlock
	changed  chan struct{}      // closed, and made anew, when something changes that anybody may be waiting for
	settings *Settings          // complete
	members  []*member          // the endpoints of the settings, in their order
	known    map[string]*member // by endpoint; besides members, those that sessions have not left yet

	// Where Redundant.
	active   *member   // that new sessions go to; nil otherwise
	held     bool      // an operator chose the active one
	returnAt time.Time // when a session may try the primary, if there are no checks

	calls     int    // of Connect, under way
	arrivals  uint64 // of calls, so far
	followers int    // calls that wait for the outcome of a trial
	rotation  int    // where the next choice among parallel endpoints begins
	failovers uint64
	failbacks uint64
}

// Checker makes active checks.
type Checker interface {
	// Check asks an endpoint whether it is well, within the timeout of h.
	Check(ctx context.Context, e *Endpoint, h *Health) error
}

// NewGroup returns a group without endpoints. Checker makes the active checks; it may be nil if there are none.
func NewGroup(name string, log *slog.Logger, checker Checker) *Group {
	return &Group{
		name:     name,
		log:      log.With(keyApplication, name),
		checker:  checker,
		changed:  make(chan struct{}),
		settings: (&Settings{}).complete(),
		known:    make(map[string]*member),
	}
}

// lock begins a step. Every step ends with unlock.
func (g *Group) lock() { g.mu.Lock() }

// unlock ends a step, and does what came of it: log records and cuts are work of others, who may call the group.
func (g *Group) unlock() {
	after := g.after
	g.after = nil
	g.mu.Unlock()
	for _, do := range after {
		do()
	}
}

// later has something done when the step is over. The lock is held.
func (g *Group) later(do func()) { g.after = append(g.after, do) }

// tell wakes everybody who waits for a change. The lock is held.
func (g *Group) tell() {
	close(g.changed)
	g.changed = make(chan struct{})
}

func (g *Group) primary() *member { return g.members[0] }

// other returns the partner of an endpoint of a redundant group. The lock is held.
func (g *Group) other(m *member) *member {
	if m == g.members[0] {
		return g.members[1]
	}
	return g.members[0]
}

// sole reports whether there is nothing to choose from. The lock is held.
func (g *Group) sole() bool { return len(g.members) == 1 }

// asks reports whether checks tell how an endpoint is. Those that cannot be made, because another program has their source
// port, tell nothing: then it is for sessions to find out. The lock is held.
func (g *Group) asks(m *member) bool { return g.settings.Health.Active && !m.unasked }
