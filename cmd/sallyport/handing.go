package main

import (
	"net"
	"os"

	"sallyport/internal/handover"
)

// handOver answers a process that wants to take over, and returns when it has done so or has given up.
func (d *daemon) handOver(conn *net.UnixConn) {
	<-d.up
	giving, err := handover.Answer(conn, self(), handover.Patience{})
	if err != nil {
		d.log.Warn("a process asked for the sockets and got none", "error", err)
		return
	}
	taker := giving.Taker()
	if d.isStopping() {
		giving.Abort("it is draining and has no sockets any more")
		return
	}
	if err := d.give(giving); err != nil {
		giving.Abort(err.Error())
		for _, owner := range d.socketOwners() {
			owner.set.Own()
		}
		d.log.Error("not handed over, everything goes on", "to_pid", taker.PID, "to_version", taker.Version, "error", err)
	}
}

// give goes through the steps of a handover. After an error everything is as before.
func (d *daemon) give(giving *handover.Giving) error {
	sockets, err := d.duplicates()
	defer func() {
		for _, s := range sockets {
			_ = s.File.Close()
		}
	}()
	if err != nil {
		return err
	}
	leases, err := d.upstreams.offerLeases()
	if err != nil {
		return err
	}
	defer leases.end()
	if err := giving.Offer(append(sockets, leases.sockets()...)); err != nil {
		return err
	}
	d.applying.Lock() // no reload from here on
	defer d.applying.Unlock()
	d.pause()
	err = giving.Yield(d.heritage(leases.pause()))
	if err == nil {
		err = giving.Commit()
	}
	if err != nil {
		d.resume()
		return err
	}
	leases.give()
	d.retire(giving.Taker(), len(sockets))
	return nil
}

// duplicates returns duplicates of all listening sockets that clients can reach.
func (d *daemon) duplicates() (sockets []handover.Socket, err error) {
	for _, owner := range d.socketOwners() {
		for _, l := range owner.set.Listeners() {
			if !l.Reachable() {
				continue // the next process can only open it anew
			}
			file, err := l.File()
			if err != nil {
				return sockets, err
			}
			sockets = append(sockets, handover.Socket{Name: owner.name + " " + l.Key(), Foreign: l.Foreign(), File: file})
		}
	}
	return sockets, nil
}

// pause stops accepting, and has the lock-outs written, which the other process reads.
func (d *daemon) pause() {
	for _, owner := range d.socketOwners() {
		owner.set.Pause()
	}
	d.keeper.end()
}

// resume goes on after a handover that failed.
func (d *daemon) resume() {
	d.keeper.start()
	for _, owner := range d.socketOwners() {
		owner.set.Resume()
	}
}

// retire leaves the sockets to the next process. The sessions go on, see bowOut.
func (d *daemon) retire(taker handover.Process, sockets int) {
	d.mu.Lock()
	d.stopping = true
	d.mu.Unlock()
	d.notify.mainPID(taker.PID)
	d.rendezvous.close()
	d.endpoint.leave()
	go d.upstreams.leave() // the next process makes the checks, and has the spare connections
	if err := d.sockets.Close(); err != nil {
		d.log.Warn("a listening socket could not be closed", "error", err)
	}
	d.log.Info("handed over", "to_pid", taker.PID, "to_version", taker.Version, "sockets", sockets, "pid", os.Getpid())
	close(d.handed)
}
