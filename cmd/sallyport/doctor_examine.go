package main

import (
	"context"
	"errors"
	"fmt"

	"sallyport/internal/admin"
	"sallyport/internal/config"
)

// examination is what doctor knows before it looks at anything in particular.
type examination struct {
	host    host
	path    string
	planner *planner
	config  *config.Config // empty if the file could not be read
	pins    []pin
	running *admin.Status // nil: nothing runs, as far as is known
	silence error         // why it is not known whether anything runs
}

// examine reads a configuration and asks the sallyport that runs with it.
func examine(ctx context.Context, path string, h host) *examination {
	from := newSources()
	from.host = h
	x := &examination{host: h, path: path, planner: drawUp(path, from), config: new(config.Config)}
	x.planner.socketDirs()
	if x.planner.plan != nil {
		x.config = x.planner.plan.config
	}
	x.pins = pinsOf(x.config)
	client, err := adminClient(path)
	if err != nil {
		x.silence = fmt.Errorf("it cannot be found: %w", err)
		return x
	}
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	x.running, err = client.Status(ctx)
	if err != nil && !errors.Is(err, admin.ErrNotRunning) {
		x.silence = err
	}
	return x
}

// checkup is one thing that doctor looks at.
type checkup struct {
	name string
	look func(*examination) []finding
}

func checkups() []checkup {
	return []checkup{
		{"configuration", soundConfiguration},
		{"running", whoRuns},
		{"addresses", sourceAddresses},
		{"port range", sourcePortRange},
		{"privileges", sourcePrivileges},
		{"ports in use", portsInUse},
		{"timestamps", timestamps},
		{"routes", routes},
		{"clock", clock},
		{"descriptors", descriptors},
		{"watches", watches},
		{"UDP buffers", udpBuffers},
	}
}

// findings looks at everything.
func (x *examination) findings() []finding {
	var all []finding
	for _, c := range checkups() {
		for _, f := range c.look(x) {
			f.Check = c.name
			all = append(all, f)
		}
	}
	return all
}

// soundConfiguration tells whether run would start.
func soundConfiguration(x *examination) []finding {
	problems := x.planner.problems
	if problems.HasErrors() {
		return found(levelProblem, problems.Errors())
	}
	text := fmt.Sprintf("%s, %s", count(len(x.config.Applications), "application"), count(len(x.planner.plan.ports), "port"))
	if len(problems) > 0 {
		return okay("%s; %s, which \"sallyport check\" prints", text, tally(problems))
	}
	return okay("%s", text)
}

// whoRuns tells whether a sallyport runs with the configuration, and as it says.
func whoRuns(x *examination) []finding {
	if x.silence != nil {
		return []finding{{Level: levelUnknown, Text: x.silence.Error()}}
	}
	if x.running == nil {
		return okay("no sallyport runs with this configuration")
	}
	s := x.running
	all := okay("sallyport %s, pid %d, is %s with generation %d", s.Version, s.PID, s.State, s.Generation)
	if admin.FailedLast(s.LastSuccess, s.LastFailure) {
		all = append(all, finding{Level: levelWarning, Text: "its latest reload failed: what runs is not what the files say",
			Hint: `"sallyport status" says why`})
	}
	return all
}
