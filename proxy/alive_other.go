//go:build !linux

package proxy

// Without a way to see the end of a connection that nobody reads, none is kept in store: a hot standby is a warm one.
const canKeepSpare = false

func (s *socket) watch() {}

func (s *socket) alive() bool { return false }
