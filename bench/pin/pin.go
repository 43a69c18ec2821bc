// Package pin starts programs on processors of their own.
package pin

import (
	"os/exec"
	"slices"
)

// Start starts cmd, and with it everything that it will start, on these processors. None, or a negative one, leaves the choice to the
// system. Where the system cannot pin, it returns [errors.ErrUnsupported] for any other.
func Start(cmd *exec.Cmd, cpus ...int) error {
	if len(cpus) == 0 || slices.Min(cpus) < 0 {
		return cmd.Start()
	}
	return start(cmd, cpus)
}
