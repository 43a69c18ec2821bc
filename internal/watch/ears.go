package watch

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/fsnotify/fsnotify"
)

// notifier is what is used of fsnotify. Its channels are closed once it is closed, or dead.
type notifier interface {
	Add(dir string) error
	Remove(dir string) error
	Close() error
}

// feed is a notifier with what it says.
type feed struct {
	notifier
	events <-chan fsnotify.Event
	errors <-chan error
}

func openFeed() (*feed, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	return &feed{w, w.Events, w.Errors}, nil
}

// again watches a directory, whether it is watched already or not. What happens meanwhile is seen by the look that follows.
//
// It is never added while fsnotify has its path: on Linux, if that leads to another directory by then, fsnotify (1.10.1) changes what
// it knows of the old one instead of beginning anew, and an event of either makes it panic later, in a goroutine of its own.
func (f *feed) again(dir string) error {
	_ = f.Remove(dir) // it fails where there is nothing to remove
	return f.Add(dir)
}

// ears hear events in directories. Only the goroutine that made them uses them.
type ears struct {
	open  func() (*feed, error)
	heard chan struct{} // something that matters happened, however often

	feed    *feed // nil: none
	watched map[string]fs.FileInfo
	stop    chan struct{} // ends the drain
	drained sync.WaitGroup

	mu   sync.Mutex
	news news
	at   *places
}

// news is what the drain has taken in.
type news struct {
	gone map[string]bool // directories that are watched no longer
	lost bool            // events got lost
	dead bool            // there will be no events any more
	err  error           // the last one
}

func newEars(open func() (*feed, error)) *ears {
	return &ears{open: open, heard: make(chan struct{}, 1)}
}

// coverage is how much of what is wanted can be heard.
type coverage struct {
	dirs  int   // that are watched
	deaf  int   // that are not, and should be
	err   error // why not, the first reason
	fresh bool  // a directory is watched now that was not before
	lost  bool  // events got lost since the last time
	odd   error // of the system's, since the last time; it goes on in spite of it
	racy  bool  // a directory went in between
}

// listen watches what is wanted, and nothing else.
func (e *ears) listen(wanted *places) coverage {
	var c coverage
	e.mu.Lock()
	e.at = wanted
	heard := e.news
	e.news = news{}
	e.mu.Unlock()
	c.odd = heard.err
	if c.lost = heard.lost; heard.dead {
		c.lost = true
		e.close()
	}
	if err := e.ensureFeed(); err != nil {
		c.err = err
		for _, place := range wanted.dirs {
			if place.needed {
				c.deaf++
			}
		}
		return c
	}
	e.forget(wanted, heard)
	full := error(nil)
	for dir, place := range wanted.dirs {
		_, known := e.watched[dir]
		err := full
		if known || full == nil {
			err = e.feed.again(dir) // also where it is known: it may be another one since
		}
		switch {
		case err == nil:
			c.fresh = c.fresh || !known
			e.watched[dir] = place.info
			continue
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
			c.racy = true
		case exhausted(err):
			full = err
		}
		delete(e.watched, dir)
		if place.needed {
			c.deaf++
			if c.err == nil {
				c.err = err
			}
		}
	}
	c.dirs = len(e.watched)
	return c
}

func (e *ears) ensureFeed() error {
	if e.feed != nil {
		return nil
	}
	feed, err := e.open()
	if err != nil {
		return err
	}
	e.feed = feed
	e.watched = make(map[string]fs.FileInfo)
	e.stop = make(chan struct{})
	stop := e.stop
	e.drained.Go(func() { e.drain(feed, stop) })
	return nil
}

// forget ends what is watched and not wanted, or is another directory by now. It must come before anything is added: a
// directory under two names is watched once, and no longer once either is removed.
func (e *ears) forget(wanted *places, heard news) {
	if heard.lost {
		clear(e.watched)
	}
	maps.DeleteFunc(e.watched, func(dir string, info fs.FileInfo) bool {
		place, ok := wanted.dirs[dir]
		if ok && place.info != nil && info != nil && os.SameFile(place.info, info) {
			return heard.gone[dir]
		}
		_ = e.feed.Remove(dir) // often it is gone already
		return true
	})
}

// close ends all watches and waits for what they started.
func (e *ears) close() {
	if e.feed == nil {
		return
	}
	_ = e.feed.Close()
	close(e.stop)
	e.drained.Wait()
	e.feed, e.watched = nil, nil
}

// drain takes in events and errors. It must never wait for anything that holds a lock of fsnotify, which reports some
// errors while it holds one.
func (e *ears) drain(f *feed, stop <-chan struct{}) {
	for {
		select {
		case event, ok := <-f.events:
			e.take(func(n *news) bool { return n.event(event, ok, e.at) })
			if !ok {
				return
			}
		case err, ok := <-f.errors:
			e.take(func(n *news) bool { return n.error(err, ok) })
			if !ok {
				return
			}
		case <-stop:
			return
		}
	}
}

// take changes the news, and tells if that matters.
func (e *ears) take(change func(*news) bool) {
	e.mu.Lock()
	matters := change(&e.news)
	e.mu.Unlock()
	if !matters {
		return
	}
	select {
	case e.heard <- struct{}{}:
	default:
	}
}

func (n *news) event(event fsnotify.Event, ok bool, at *places) bool {
	if !ok {
		n.dead = true
		return true
	}
	if event.Has(fsnotify.Remove | fsnotify.Rename) {
		dir := filepath.Clean(event.Name) // those in the root begin with two slashes
		if _, watched := at.dirs[dir]; watched {
			if n.gone == nil {
				n.gone = make(map[string]bool)
			}
			n.gone[dir] = true
		}
	}
	return at.matter(event.Name)
}

func (n *news) error(err error, ok bool) bool {
	switch {
	case !ok:
		n.dead = true
	case errors.Is(err, fsnotify.ErrEventOverflow):
		n.lost = true
	default:
		n.err = err
	}
	return true
}
