package upstream

import (
	"errors"
	"fmt"
)

// byOperator is the reason of what an operator does.
const byOperator = "operator"

// errAlone says that there is nothing to choose from.
var errAlone = errors.New("the upstream has no primary and backup to choose from")

// Failover makes the backup of a redundant group the active endpoint, because an operator said so; it remains so until
// [Group.Failback] or until it fails. Errors say why it cannot be.
func (g *Group) Failover() error {
	g.lock()
	defer g.unlock()
	if !g.redundant() {
		return errAlone
	}
	backup := g.members[1]
	switch {
	case g.active == backup:
		return fmt.Errorf("the backup %s is the active endpoint already", backup.name)
	case g.certainlyDown(backup):
		return fmt.Errorf("the backup %s is unhealthy: %s; the primary %s stays active", backup.name, backup.problem, g.active.name)
	}
	backup.forgive()
	g.failOver(backup, byOperator)
	g.held = true
	return nil
}

// Failback makes the primary the active endpoint, because an operator said so. Sessions at the backup stay there. Errors
// say why it cannot be.
func (g *Group) Failback() error {
	g.lock()
	defer g.unlock()
	if !g.redundant() {
		return errAlone
	}
	primary := g.primary()
	switch {
	case g.active == primary:
		return fmt.Errorf("the primary %s is the active endpoint already", primary.name)
	case g.asks(primary) && !primary.healthy:
		return fmt.Errorf("the primary %s is unhealthy: %s; the backup %s stays active", primary.name, primary.problem, g.active.name)
	}
	primary.forgive() // what sessions met is old, and the operator knows better
	g.failBack(byOperator)
	return nil
}

// Memory is what the next process has to know of a group.
type Memory struct {
	Active string `json:"active"` // endpoint
	Held   bool   `json:"held,omitempty"`
}

// Memory returns it; ok is false if there is nothing worth knowing.
func (g *Group) Memory() (m Memory, ok bool) {
	g.lock()
	defer g.unlock()
	if !g.redundant() || g.active == g.primary() {
		return Memory{}, false
	}
	return Memory{Active: g.active.name, Held: g.held}, true
}

// Remember takes what the process before has known, if its endpoint is still one of the group and nothing else is known of
// it; so it is to be called after [Group.Configure] and before there are sessions.
func (g *Group) Remember(m Memory) {
	g.lock()
	defer g.unlock()
	if !g.redundant() {
		return
	}
	backup := g.members[1]
	if m.Active != backup.name || !backup.healthy || g.active == backup {
		return
	}
	g.active, g.held = backup, m.Held
	g.awaitReturn()
	g.tell()
}
