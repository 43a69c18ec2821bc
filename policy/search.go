package policy

// answer is what the tables of a port say to a question. It has no pointers, so that the
// question does not have to outlive it.
type answer struct {
	rule   int32 // the first in rank that lets the session pass; -1 for none
	layer  int32 // the layer of the port through which it does
	via    int32 // the principal of ref through which it does
	near   int32 // the rule nearest to letting it pass; -1 for none
	ref    ref   // of the layer's table
	nearby nearness
}

func (a *answer) found() bool { return a.rule >= 0 }

// principal returns the first of the rule's principals that the session belongs to.
func (d *door) principal(a *answer) int32 { return d.layers[a.layer].table.classes[a.ref.class][a.via] }

// who returns whom the session is counted for.
func (d *door) who(a *answer) int32 { return d.layers[a.layer].table.whos[a.ref.whos+uint32(a.via)] }

// search asks the tables of a port. Only if no rule lets the session pass, it looks
// for the nearest one where the source port and the address do not fit.
func search(s *Set, port *door, q *question) answer {
	e := examiner{question: q, door: port, rules: s.rules, answer: answer{rule: -1, near: -1, nearby: furthest()}}
	for i := range port.layers {
		e.placed(int32(i))
	}
	if e.found() {
		return e.answer
	}
	for i := range port.layers {
		e.displaced(int32(i))
	}
	return e.answer
}

// examiner looks through the tables of a port. Its methods store nothing in it that they
// got from it: that would move the question to the heap.
type examiner struct {
	*question
	door   *door
	rules  []rule
	answer answer
}

func (e *examiner) found() bool { return e.answer.found() }

// placed looks at everything that the source's address and port fit.
func (e *examiner) placed(layer int32) {
	table := e.door.layers[layer].table
	nodes := table.nodes
	for i := table.start(e.addr, e.local); i >= 0; i = nodes[i].wider {
		n := &nodes[i]
		if n.always != nil {
			e.look(layer, n.always, inNode(i))
		}
		if c := n.segment(e.port); c != nil {
			e.look(layer, c, inNode(i).meeting())
		}
	}
}

// inNode is the nearness of what is in a node: all but one demand an address.
func inNode(i int32) nearness {
	if i == everywhere {
		return nearness{}
	}
	return nearness{met: 1}
}

// displaced looks at everything as if its address, or at least its source port, did not
// fit. What fits all the same was nearer when placed looked at it, so nothing has to be
// left out.
func (e *examiner) displaced(layer int32) {
	table := e.door.layers[layer].table
	nodes := table.nodes
	for i := table.start(e.addr, e.local); i >= 0; i = nodes[i].wider {
		if c := nodes[i].pinned; c != nil {
			e.look(layer, c, inNode(i).failing(missPort))
		}
	}
	e.look(layer, table.all, nearness{missed: missAddress})
}

// look weighs what is in a cell.
func (e *examiner) look(layer int32, c *cell, place nearness) {
	if c.open.class != noClass {
		e.weigh(layer, c.open, e.session, place)
	}
	if c.demanded.class == noClass {
		return
	}
	if e.unidentified {
		// Whoever shows an identity speaks TLS.
		e.weigh(layer, c.demanded, tlsSession, place)
		return
	}
	for _, identity := range e.identities {
		if r, found := c.holders(identity); found {
			e.weigh(layer, r, e.session, place.meeting())
		}
	}
	if !e.found() {
		e.approach(&e.door.layers[layer].grants[c.demanded.class].at(e.now)[e.session], place.failing(missIdentity))
	}
}

// weigh takes what a ref's rules say into account.
func (e *examiner) weigh(layer int32, r ref, session int, place nearness) {
	o := &e.door.layers[layer].grants[r.class].at(e.now)[session]
	if place.missed == 0 && o.allow >= 0 {
		e.take(answer{rule: o.allow, layer: layer, ref: r, via: o.via})
		return
	}
	if !e.found() {
		e.approach(o, place)
	}
}

// take keeps the first in rank, and of one rule the first in the order of counting.
func (e *examiner) take(a answer) {
	if !e.found() || a.rule < e.answer.rule || a.rule == e.answer.rule && e.before(&a) {
		e.answer = a
	}
}

// before compares an answer with the one of the same rule that is kept.
func (e *examiner) before(a *answer) bool {
	if p, q := e.door.principal(a), e.door.principal(&e.answer); p != q {
		return p < q
	}
	return e.door.who(a) < e.door.who(&e.answer)
}

// approach keeps the nearest, and of equally near rules the first by id.
func (e *examiner) approach(o *outcome, place nearness) {
	nearby, kept := place.failing(o.missed), &e.answer
	closer := nearby.distance() - kept.nearby.distance()
	if closer < 0 || closer == 0 && e.rules[o.near].order < e.rules[kept.near].order {
		kept.near, kept.nearby = o.near, nearby
	}
}

// find reports whether a table without identities has a place for the source, and whom it
// is counted for.
func (t *table) find(q *question) (who int32, found bool) {
	who = nobody
	for i := t.start(q.addr, q.local); i >= 0; i = t.nodes[i].wider {
		n := &t.nodes[i]
		for _, c := range [...]*cell{n.always, n.segment(q.port)} {
			if c != nil {
				who, found = min(who, t.whos[c.open.whos]), true
			}
		}
	}
	return who, found
}
