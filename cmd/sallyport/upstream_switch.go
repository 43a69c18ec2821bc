package main

import (
	"fmt"
	"strings"

	"sallyport/internal/admin"
	"sallyport/internal/config"
	"sallyport/proxy/upstream"
)

// Failover and Failback make [upstreams] an [admin.Switch].
func (u *upstreams) Failover(name string) error { return u.change(name, (*upstream.Group).Failover) }

// Failback makes the primary of an upstream the endpoint in use.
func (u *upstreams) Failback(name string) error { return u.change(name, (*upstream.Group).Failback) }

func (u *upstreams) change(name string, change func(*upstream.Group) error) error {
	group, err := u.named(name)
	if err != nil {
		return err
	}
	if err := change(group); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// named returns the group of an upstream, or says which there are.
func (u *upstreams) named(name string) (*upstream.Group, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if l := u.live[name]; l != nil {
		return l.group, nil
	}
	var names []string
	for _, l := range u.sorted() {
		names = append(names, l.name)
	}
	hint := "there are " + strings.Join(names, ", ")
	if near := config.Suggest(name, names); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return nil, fmt.Errorf("%w application %q\n  hint: %s", admin.ErrUnknown, name, hint)
}
