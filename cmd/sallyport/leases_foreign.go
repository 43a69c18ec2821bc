package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"slices"
	"time"

	"sallyport/proxy/sourceport"
)

// foreignLeases are the source ports of one process before this one. That process may outlive this one, which then hands
// the stream on as it got it.
type foreignLeases struct {
	Held    []sourceport.Tuple `json:"held,omitempty"`    // when it was handed over
	Partial []byte             `json:"partial,omitempty"` // the beginning of a message, which was read by then

	stream *os.File
	ports  *sourceport.Pool
	log    *slog.Logger
	done   chan struct{} // closed when nobody reads; what is below can be looked at then
	left   map[sourceport.Tuple]bool
	over   bool // the process has ended
}

// adoptLeases takes what was handed over; the streams are this process' own from now on.
func (u *upstreams) adoptLeases(leases []*foreignLeases, streams []*os.File) {
	for i, stream := range streams {
		if i >= len(leases) {
			_ = stream.Close()
			continue
		}
		leases[i].adopt(stream, u.ports, u.log)
		u.older = append(u.older, leases[i])
	}
}

// adopt takes the leases that were handed over with their stream.
func (f *foreignLeases) adopt(stream *os.File, ports *sourceport.Pool, log *slog.Logger) {
	f.stream, f.ports, f.log = stream, ports, log
	f.left = make(map[sourceport.Tuple]bool, len(f.Held))
	for _, t := range f.Held {
		f.left[t] = true
	}
	ports.Inherit(f.Held)
	f.follow()
}

// follow frees the ports as the other process says, all of them when it ends, until [foreignLeases.pause].
func (f *foreignLeases) follow() {
	f.done = make(chan struct{})
	go func() {
		defer close(f.done)
		f.read()
	}()
}

func (f *foreignLeases) read() {
	in := bufio.NewReader(io.MultiReader(bytes.NewReader(f.Partial), f.stream))
	for {
		message, err := in.ReadBytes('\n')
		if errors.Is(err, os.ErrDeadlineExceeded) {
			f.Partial = message
			return
		}
		var t sourceport.Tuple
		if err == nil {
			err = json.Unmarshal(message, &t)
		}
		if err != nil {
			f.end(err)
			return
		}
		delete(f.left, t)
		f.ports.Return(t)
	}
}

// end frees what is left.
func (f *foreignLeases) end(err error) {
	if err != io.EOF {
		f.log.Warn("a process before this one no longer says which source ports come free", "error", err)
	}
	for t := range f.left {
		f.ports.Return(t)
	}
	f.left, f.over = nil, true
}

// pause stops reading, so that what is left can be handed on.
func (f *foreignLeases) pause() {
	_ = f.stream.SetReadDeadline(time.Unix(1, 0))
	<-f.done
	f.Held = f.Held[:0]
	for t := range f.left {
		f.Held = append(f.Held, t)
	}
}

// resume goes on after a handover that failed, if it was paused.
func (f *foreignLeases) resume() {
	select {
	case <-f.done:
	default:
		return
	}
	if f.over {
		return
	}
	_ = f.stream.SetReadDeadline(time.Time{})
	f.follow()
}

// foreign returns the leases of processes that have not ended, as far as is known. Only the one who changes the state may ask.
func (u *upstreams) foreign() []*foreignLeases {
	u.older = slices.DeleteFunc(u.older, func(f *foreignLeases) bool {
		select {
		case <-f.done:
			_ = f.stream.Close()
			return true
		default:
			return false
		}
	})
	return slices.Clone(u.older)
}
