package proxy

import (
	"sync/atomic"
	"time"
)

// pulse notices a peer that has died while bytes were on their way to it.
//
// Keepalive does not: it only probes quiet connections, and lost data is sent again for a quarter of an
// hour. TCP_USER_TIMEOUT would, but it also ends connections to living peers that keep their
// window closed for that long (measured on Linux 6.18: a paused reader that acknowledges
// every probe is cut). So the socket is asked itself: a peer is dead if data was sent to it
// again and again and nothing at all came back, three looks in a row.
//
// It looks only while something moves or is on its way; a quiet session costs nothing.
type pulse struct {
	period time.Duration // between looks
	ends   [2]watched
	quiet  func()     // called when nothing moves any more; must not block
	dead   func(Side) // called at most once, in its own goroutine; nil: nobody is taken for dead
	lasted func()     // called before the first look; nil afterwards

	timer   *time.Timer
	moved   atomic.Bool // bytes have moved since the last look
	asleep  atomic.Bool
	stopped atomic.Bool
}

// watched is one end of a session, as the pulse sees it.
type watched struct {
	side   Side
	socket interface {
		unacknowledged(silence time.Duration) (inFlight, owed bool)
	}
	silent int // looks in a row at which it owed an acknowledgement
}

// looks is how many looks in a row declare a peer dead.
const looks = 3

// startPulse watches both ends of a relay, and has the system probe them once the session has lasted for a period. It
// calls quiet whenever nothing moves any more, which must not block, and dead at most once.
//
// Without a limit for dead peers it only looks whether things are quiet. It returns nil, which is a pulse that watches nothing,
// where there is nothing that can be watched.
func startPulse(limits *Limits, client, upstream *end, quiet func(), dead func(Side)) *pulse {
	probeBoth := func() {
		keepAlive(client.conn, limits.KeepAlive)
		keepAlive(upstream.conn, limits.KeepAlive)
	}
	if !canTakePulse || client.socket.raw == nil && upstream.socket.raw == nil {
		probeBoth()
		return nil
	}
	period := periodFor(limits.DeadPeerTimeout)
	if period <= 0 {
		period, dead = quietPeriod, nil
	}
	p := &pulse{
		period: period,
		ends:   [2]watched{{side: Client, socket: client.socket}, {side: Upstream, socket: upstream.socket}},
		quiet:  quiet,
		dead:   dead,
		lasted: probeBoth,
	}
	p.start()
	return p
}

// quietPeriod is the time between looks where nobody is taken for dead.
const quietPeriod = 2 * time.Second

// periodFor returns the time between looks. Silence only counts after a period, and the first look after that can come
// another one late: all of it has to fit.
func periodFor(deadPeer time.Duration) time.Duration { return deadPeer / (looks + 1) }

func (p *pulse) start() {
	p.timer = time.AfterFunc(time.Hour, p.look) // reset below: look uses the timer
	p.timer.Reset(p.period)
}

// beat notes that bytes have moved.
func (p *pulse) beat() {
	if p == nil {
		return
	}
	if !p.moved.Load() {
		p.moved.Store(true)
	}
	if p.asleep.Load() && p.asleep.CompareAndSwap(true, false) {
		p.timer.Reset(p.period)
	}
}

func (p *pulse) stop() {
	if p != nil {
		p.stopped.Store(true)
		p.timer.Stop()
	}
}

// look asks both sockets and goes to sleep if nothing is on its way.
func (p *pulse) look() {
	if p.lasted != nil {
		p.lasted()
		p.lasted = nil
	}
	busy := p.moved.Swap(false)
	for i := range p.ends {
		end := &p.ends[i]
		inFlight, owed := end.socket.unacknowledged(p.period)
		busy = busy || inFlight
		if !owed || p.dead == nil {
			end.silent = 0
			continue
		}
		if end.silent++; end.silent == looks {
			p.dead(end.side)
			return
		}
	}
	if busy {
		p.again()
		return
	}
	p.asleep.Store(true)
	if p.moved.Load() && p.asleep.CompareAndSwap(true, false) { // between the question and going to sleep
		p.again()
		return
	}
	p.quiet()
}

func (p *pulse) again() {
	p.timer.Reset(p.period)
	if p.stopped.Load() { // perhaps only just now
		p.timer.Stop()
	}
}
