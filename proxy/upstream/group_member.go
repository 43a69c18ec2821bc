package upstream

import (
	"container/list"
	"time"
)

// member is what a group knows of one endpoint. Guarded by the group's lock.
type member struct {
	name     string // as configuration writes it
	hash     uint64 // of the name
	endpoint *Endpoint
	role     string
	gone     bool // from the settings; sessions may still be there

	healthy   bool
	since     time.Time // of healthy
	problem   string    // the last failure; empty if the last thing that was heard was good
	condemned bool      // checks alone say that it is unhealthy
	proven    time.Time // since when it is known by checks to be healthy; zero: it is not

	// In a row.
	checkFailures, checkSuccesses int
	tryFailures, trySuccesses     int

	// While it is unhealthy and only sessions ask.
	trial     chan struct{} // closed when the attempt under way, which decides, is over; nil: there is none
	pause     time.Duration // the last one
	notBefore time.Time     // the next trial
	refuses   bool          // its last failure was quick and certain

	unasked  bool                  // the last check could not be made, for a reason of our own
	attempts map[*attempt]struct{} // waiting and under way
	dialing  int                   // of them, those that are under way
	queue    *list.List            // of *attempt that wait, in the order in which their sessions came
	uses     map[*Use]struct{}

	connected, failed, checks, unwell uint64
}

// The roles of endpoints.
const (
	rolePrimary  = "primary"
	roleBackup   = "backup"
	roleParallel = "parallel"
)

func newMember(e *Endpoint) *member {
	name := e.String()
	return &member{
		name:     name,
		hash:     hashName(name),
		healthy:  true, // until something else is known
		since:    time.Now(),
		queue:    list.New(),
		attempts: make(map[*attempt]struct{}),
		uses:     make(map[*Use]struct{}),
	}
}

// welcome takes an endpoint back that had gone. What was known of it is too old to be told from hearsay.
func (m *member) welcome() {
	m.gone = false
	m.forgive()
	m.unprove()
	m.problem = ""
}

// forgive clears all evidence against an endpoint.
func (m *member) forgive() {
	if !m.healthy {
		m.healthy, m.since = true, time.Now()
	}
	m.condemned = false
	m.refuses = false
	m.checkFailures, m.tryFailures = 0, 0
	m.checkSuccesses, m.trySuccesses = 0, 0
	m.pause, m.notBefore = 0, time.Time{}
}

// unprove forgets what checks have said, because there are none any more.
func (m *member) unprove() {
	m.condemned = false
	m.proven = time.Time{}
	m.checkFailures, m.checkSuccesses = 0, 0
	m.unasked = false
}

// load is how many sessions are there or on their way.
func (m *member) load() int { return len(m.uses) + len(m.attempts) }
