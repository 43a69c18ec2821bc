//go:build !linux

package proxy

// gap is for systems with an eventfd.
type gap struct{}

func newGap() *gap { return nil }

func (*gap) wait() {}
