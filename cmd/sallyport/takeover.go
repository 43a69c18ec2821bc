package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"sallyport/internal/config"
	"sallyport/internal/handover"
	"sallyport/listener"
)

// takeover is the start of a process that finds another one running. Its steps are meet, take and assume, which the first
// change calls in this order; handing.go has the other side.
type takeover struct {
	conn    *net.UnixConn
	taking  *handover.Taking
	sockets int
	leases  []*os.File // the streams that tell which source ports come free
	paused  time.Time  // since when nobody accepts
}

// meet asks the process that runs with this configuration, if there is one, for its sockets. If it has none to give, this
// process opens its own, and learns in that way whether it can.
func (d *daemon) meet(next *plan) {
	if d.number > 0 || d.takeover != nil || !handover.Supported {
		return
	}
	path, err := rendezvousPath(next.config.Host.StateDir, d.path)
	if err != nil {
		return
	}
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).Dial("unix", path)
	if errors.Is(err, fs.ErrNotExist) {
		return // nobody runs
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		d.killed = time.Now() // some time before
		return
	}
	if errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EINVAL) {
		return // there can be no such socket, as this process is about to find for its own
	}
	if err != nil {
		d.log.Warn("it is not known whether another process runs", "error", err)
		return
	}
	taking, sockets, err := handover.Ask(conn.(*net.UnixConn), self(), handover.Patience{})
	if err != nil {
		_ = conn.Close()
		d.log.Warn("nothing is handed over", "error", err)
		if errors.Is(err, handover.ErrGone) {
			d.killed = time.Now()
		}
		return
	}
	sockets, leases := withoutLeases(sockets)
	d.takeover = &takeover{conn: conn.(*net.UnixConn), taking: taking, sockets: len(sockets), leases: leases}
	for _, owner := range d.socketOwners() {
		owner.set.Pause() // what it opens from here on accepts nothing before Resume
		owner.set.Adopt(owner.handed(sockets))
	}
}

// dyingTime is ample for the kernel to close what a killed process had open.
const dyingTime = 2 * time.Second

// mayYetGo waits a little and reports true as long as an address that is in use may be that of a process that was killed: its
// sockets close one after the other.
func (d *daemon) mayYetGo() bool {
	if d.killed.IsZero() || time.Since(d.killed) > dyingTime {
		return false
	}
	<-time.After(20 * time.Millisecond)
	return true
}

func self() handover.Process { return handover.Process{PID: os.Getpid(), Version: version()} }

// socketOwner is a set of sockets and the name that it has on the way to another process.
type socketOwner struct {
	name string
	set  *listener.Set
}

func (d *daemon) socketOwners() []socketOwner {
	return []socketOwner{{"port", d.sockets}, {"admin", &d.endpoint.sockets}, {"handover", &d.rendezvous.sockets}}
}

// handed picks from the sockets that were handed over those of one owner.
func (o socketOwner) handed(sockets []handover.Socket) []listener.Handed {
	var own []listener.Handed
	for _, s := range sockets {
		if key, ok := strings.CutPrefix(s.Name, o.name+" "); ok {
			own = append(own, listener.Handed{Key: key, Foreign: s.Foreign, Found: true, File: s.File})
		}
	}
	return own
}

// take has the other process stop accepting and receives what it leaves behind. It comes last of all that can fail here, because
// from now on clients wait.
func (d *daemon) take() *config.Problem {
	t := d.takeover
	if t == nil {
		return nil
	}
	t.paused = time.Now()
	state, err := t.taking.Take()
	switch {
	case errors.Is(err, handover.ErrGone):
		d.log.Warn("the process that was to hand over has ended", "from_pid", t.taking.Giver().PID)
		return nil
	case err != nil:
		return d.notHandedOver(err)
	}
	if err := d.inherit(state); err != nil {
		d.log.Warn("not all that the other process knew survives", "error", err)
	}
	return nil
}

// assume makes the sockets this process' own and serves. If the other process decides against it, it goes on.
func (d *daemon) assume() *config.Problem {
	t := d.takeover
	if t == nil {
		d.ownStored()
		return nil
	}
	err := t.taking.Ready()
	asleep := errors.Is(err, os.ErrDeadlineExceeded)
	if err != nil && !asleep && !errors.Is(err, handover.ErrGone) {
		return d.notHandedOver(err)
	}
	for _, owner := range d.socketOwners() {
		owner.set.Own()
		owner.set.Resume()
	}
	log := d.log.With("from_pid", t.taking.Giver().PID, "from_version", t.taking.Giver().Version, "sockets", t.sockets,
		"paused_ms", time.Since(t.paused).Milliseconds())
	d.takeover = nil
	if asleep {
		log.Warn("took over from a process that does not answer")
		go t.settle(0) // it may wake up, and has to find that it is over
		return nil
	}
	log.Info("took over")
	t.settle(settling) // systemd does not listen to this process before the other one has named it
	return nil
}

// ownStored says, once at the start, that nobody else has the sockets that came from systemd's store.
func (d *daemon) ownStored() {
	if d.number == 1 {
		d.sockets.Own()
	}
}

// settling is how long the end of the other process' part is waited for. Clients do not wait meanwhile.
const settling = 2 * time.Second

// settle waits until the other process has done all it had to; without a limit if that is 0.
func (t *takeover) settle(limit time.Duration) {
	_ = t.taking.Settled(limit) // nothing depends on it
	_ = t.conn.Close()
}

func (d *daemon) notHandedOver(err error) *config.Problem {
	return &config.Problem{
		Pos:     config.Position{File: d.path},
		Message: fmt.Sprintf("pid %d does not hand over: %v", d.takeover.taking.Giver().PID, err),
		Hint:    "it goes on as before; its log says more",
	}
}

// abandon gives up the start. The process that runs keeps what it offered.
func (d *daemon) abandon(problems int) error {
	failed := fmt.Errorf("not started: %s", count(problems, "problem"))
	if t := d.takeover; t != nil {
		t.taking.Abort(failed.Error())
		_ = t.conn.Close()
		failed = fmt.Errorf("%w; pid %d goes on", failed, t.taking.Giver().PID)
	}
	d.endpoint.close()
	d.rendezvous.close()
	return errors.Join(failed, d.sockets.Close())
}
