package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// clock looks whether the time can be right: certificates, rules that expire and the log go by it.
func clock(x *examination) []finding {
	now := x.host.now()
	if !x.host.built.IsZero() && now.Before(x.host.built) {
		return []finding{{Level: levelProblem,
			Text: fmt.Sprintf("it is %s, which is before this program was made (%s): certificates will seem to be not valid yet", day(now), day(x.host.built)),
			Hint: "set the clock, and have NTP keep it"}}
	}
	state, err := x.host.clock()
	switch {
	case err != nil:
		return unlooked(err)
	case !state.synchronised:
		return []finding{{Level: levelWarning, Text: fmt.Sprintf("it is not synchronised; it says %s", now.UTC().Format(time.RFC3339)),
			Hint: "certificates and rules that expire go by it; have NTP keep it (systemd-timesyncd, chrony)"}}
	default:
		return okay("synchronised, wrong by %s at most", state.most.Round(time.Millisecond))
	}
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// fewConnections is what a service runs into by surprise: what the usual limit of 1024 open files is enough for.
const fewConnections = 512

// descriptors looks how many connections there can be.
func descriptors(x *examination) []finding {
	limit, most, whose := descriptorLimit(), 0, "a sallyport that is started from here"
	if x.planner.plan != nil {
		most = x.planner.plan.maxConnections
	}
	if x.running != nil {
		var err error
		if limit, err = x.host.descriptors(x.running.PID); err != nil {
			return unlooked(err)
		}
		most, whose = x.running.Sessions.Max, "the running sallyport"
	}
	text := fmt.Sprintf("%s may open %d files and hold %s", whose, limit, count(most, "connection"))
	switch {
	case most == 0:
		return okay("%s may open %d files", whose, limit) // more of it is among the errors of the configuration
	case x.running != nil && x.running.Sessions.Active*10 >= most*9:
		return []finding{{Level: levelWarning, Text: fmt.Sprintf("%s; %d are in use", text, x.running.Sessions.Active),
			Hint: raiseLimitHint + ", and limits.max_connections where it is set"}}
	case most < fewConnections && x.config.Limits.MaxConnections.Value == 0:
		return []finding{{Level: levelWarning, Text: text, Hint: raiseLimitHint}}
	default:
		return okay("%s", text)
	}
}

// fewInstances is how many programs of one user should be able to watch files.
const fewInstances = 16

// watches looks whether the system lets as many directories be watched as there are.
func watches(x *examination) []finding {
	if x.planner.plan != nil && !x.config.Reload.Watch {
		return okay("files are not watched ([reload] watch)")
	}
	if s := x.running; s != nil && s.Watch.Deaf > 0 {
		return []finding{{Level: levelWarning, Hint: s.Watch.Error,
			Text: fmt.Sprintf("%d of %d directories cannot be watched and are looked at every few seconds", s.Watch.Deaf, s.Watch.Deaf+s.Watch.Directories)}}
	}
	needed := watchedDirectories(x.planner.set(x.path).Files)
	most, err := x.host.number("fs.inotify.max_user_watches")
	instances, err2 := x.host.number("fs.inotify.max_user_instances")
	switch err := errors.Join(err, err2); {
	case err != nil:
		return unlooked(err)
	case most < 2*needed: // others of the same user have some, too
		return []finding{{Level: levelWarning, Text: fmt.Sprintf("%d directories are to be watched, and a user may watch %d", needed, most),
			Hint: fmt.Sprintf("sysctl -w fs.inotify.max_user_watches=%d", max(8*needed, 8192))}}
	case instances < fewInstances:
		return []finding{{Level: levelWarning, Text: fmt.Sprintf("only %d programs of a user may watch files", instances),
			Hint: "sysctl -w fs.inotify.max_user_instances=128"}}
	default:
		return okay("%d directories are to be watched, and a user may watch %d", needed, most)
	}
}

// watchedDirectories counts the directories of files, and those above them.
func watchedDirectories(files []string) int {
	directories := make(map[string]bool)
	for _, file := range files {
		path, err := filepath.Abs(file)
		for err == nil {
			dir := filepath.Dir(path)
			if dir == path || directories[dir] {
				break
			}
			directories[dir] = true
			path = dir
		}
	}
	return len(directories)
}

// quicBuffer is what a QUIC server wants to have for each of its sockets, in bytes.
const quicBuffer = 7 << 20

// udpBuffers looks whether QUIC can have the buffers that it wants.
func udpBuffers(x *examination) []finding {
	var all []finding
	for _, name := range []string{"net.core.rmem_max", "net.core.wmem_max"} {
		size, err := x.host.number(name)
		switch {
		case err != nil:
			return unlooked(err)
		case size < quicBuffer:
			all = append(all, finding{Level: levelNote, Text: fmt.Sprintf("%s is %d; QUIC wants %d", name, size, quicBuffer),
				Hint: fmt.Sprintf("sysctl -w %s=%d", name, quicBuffer)})
		}
	}
	if len(all) == 0 {
		return okay("as large as QUIC wants them")
	}
	return all
}
