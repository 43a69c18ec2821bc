package watch

import (
	"log/slog"
)

// listen watches the directories of what is followed. It reports whether some cannot be.
func (r *run) listen() (deaf bool) {
	var c coverage
	for range 8 { // until nothing new comes, since a link may have been flipped before it was watched
		c = r.ears.listen(locate(r.following()))
		r.unsound = r.unsound || c.lost
		if c.odd != nil {
			r.log.Warn("the system reports trouble with watching files", slog.Any("error", c.odd))
		}
		if !c.fresh && !c.racy {
			break
		}
	}
	r.now.Directories, r.now.Deaf, r.now.Err = c.dirs, c.deaf, c.err
	r.sayDeaf(c)
	return c.deaf > 0
}

// sayDeaf logs when directories cannot be watched any more, and when they can again.
func (r *run) sayDeaf(c coverage) {
	switch {
	case c.deaf == 0 && r.deaf:
		r.log.Info("every directory is watched again", slog.Int("directories", c.dirs))
		r.deaf = false
	case c.deaf > 0 && !r.deaf:
		attrs := []any{slog.Int("unwatched", c.deaf), slog.Int("watched", c.dirs), slog.Any("error", c.err)}
		if hint := remedy(c.err); hint != "" {
			attrs = append(attrs, slog.String("hint", hint))
		}
		text := "directories cannot be watched"
		if r.opt.Poll > 0 {
			text += "; their files are polled"
			attrs = append(attrs, slog.String("interval", r.opt.Poll.String()))
		}
		r.log.Warn(text, attrs...)
		r.deaf = true
	}
}

// sayHuge logs each file that is too large to be read, once.
func (r *run) sayHuge() {
	r.mu.Lock()
	last := r.last
	r.mu.Unlock()
	r.now.Files = len(last.files)
	for path, found := range last.files {
		if found.kind == huge && !r.huge[path] {
			r.log.Warn("a file is too large to be compared by content; its size and time count",
				slog.String("file", path), slog.Int64("limit", r.opt.MaxFile))
			r.huge[path] = true
		}
	}
}

// report publishes the state.
func (r *run) report() {
	state := r.now
	state.Pending = r.pace.pending()
	r.state.Store(&state)
}
