//go:build !linux

package proxy

import "time"

// canTakePulse is false where a socket cannot be asked; keepalive is all there is.
const canTakePulse = false

func (s *socket) unacknowledged(time.Duration) (inFlight, owed bool) { return false, false }

func (s *socket) quietFor() (time.Duration, bool) { return 0, false }
