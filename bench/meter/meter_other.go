//go:build !linux

package meter

import (
	"errors"
	"fmt"
	"time"
)

var errLinux = fmt.Errorf("measure a process: %w but on Linux", errors.ErrUnsupported)

// CPU returns an error: only Linux tells.
func (t Tree) CPU() (time.Duration, error) { return 0, errLinux }

// PIDs returns an error: only Linux tells.
func (t Tree) PIDs() ([]int, error) { return nil, errLinux }

// Memory returns an error: only Linux tells.
func (t Tree) Memory() (Memory, error) { return Memory{}, errLinux }

// Read returns an error: only Linux tells.
func (t Tree) Read() (Reading, error) { return Reading{}, errLinux }

// BusyCPU returns an error: only Linux tells.
func BusyCPU(int) (Busy, error) { return Busy{}, errLinux }

// LoadAverage returns an error: only Linux tells.
func LoadAverage() (float64, error) { return 0, errLinux }
