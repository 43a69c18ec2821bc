package ruleset

import "fmt"

// chain returns a chain of a table, nil if there is none.
func (t *Table) chain(name string) *Chain { return t.chains[name] }

// addChain adds a chain; it reports whether its name was free.
func (t *Table) addChain(c *Chain) bool {
	if t.chains[c.Name] != nil {
		return false
	}
	if t.chains == nil {
		t.chains = make(map[string]*Chain)
	}
	t.chains[c.Name] = c
	t.Chains = append(t.Chains, c)
	return true
}

// addSet adds a set; it reports whether its name was free.
func (t *Table) addSet(s *Set) bool {
	if t.sets[s.Name] != nil {
		return false
	}
	if t.sets == nil {
		t.sets = make(map[string]*Set)
	}
	t.sets[s.Name] = s
	t.Sets = append(t.Sets, s)
	return true
}

// link resolves the chains that verdicts name, once all are known. The kernel refuses jumps in a circle, and so does it.
func (t *Table) link() error {
	for _, s := range t.Sets {
		if err := t.linkSet(s); err != nil {
			return err
		}
	}
	for _, c := range t.Chains {
		for _, r := range c.Rules {
			if err := t.resolve(&r.verdict); err != nil {
				return fmt.Errorf("chain %s: %w", plain(c.Name), err)
			}
			if r.lookup != nil && r.lookup.set.Name == "" {
				if err := t.linkSet(r.lookup.set); err != nil {
					return fmt.Errorf("chain %s: %w", plain(c.Name), err)
				}
			}
		}
	}
	state := make(map[*Chain]int)
	for _, c := range t.Chains {
		if err := c.acyclic(state, 0); err != nil {
			return err
		}
	}
	return nil
}

func (t *Table) linkSet(s *Set) error {
	for i := range s.elements {
		if err := t.resolve(&s.elements[i].verdict); err != nil {
			return fmt.Errorf("map %s: %w", plain(s.Name), err)
		}
	}
	return nil
}

func (t *Table) resolve(v *verdict) error {
	if v.action != jump && v.action != goTo {
		return nil
	}
	if v.chain = t.chain(v.name); v.chain == nil {
		return fmt.Errorf("jumps to chain %q, which is not there", v.name)
	}
	return nil
}

// acyclic walks through everything that a chain leads to.
func (c *Chain) acyclic(state map[*Chain]int, depth int) error {
	const entered, done = 1, 2
	const deepest = 1000 // the kernel goes 16 deep; what is deeper was made to exhaust readers
	switch {
	case state[c] == done:
		return nil
	case state[c] == entered:
		return fmt.Errorf("chain %s leads to itself", plain(c.Name))
	case depth > deepest:
		return fmt.Errorf("chain %s is more than %d jumps deep", plain(c.Name), deepest)
	}
	state[c] = entered
	for _, r := range c.Rules {
		for _, next := range r.targets() {
			if err := next.acyclic(state, depth+1); err != nil {
				return err
			}
		}
	}
	state[c] = done
	return nil
}

// targets returns the chains that a rule leads to, each at least once.
func (r *Rule) targets() []*Chain {
	var all []*Chain
	if r.verdict.chain != nil {
		all = append(all, r.verdict.chain)
	}
	if r.lookup == nil {
		return all
	}
	for i := range r.lookup.set.elements {
		if c := r.lookup.set.elements[i].verdict.chain; c != nil {
			all = append(all, c)
		}
	}
	return all
}
