//go:build !linux

package proxy

import "context"

// settle does nothing where a socket does not tell what its peer has acknowledged.
func (s *socket) settle(context.Context) {}
