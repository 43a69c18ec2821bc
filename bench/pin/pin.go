// Package pin starts programs on one processor.
package pin

import "os/exec"

// Start starts cmd, and with it everything that it will start, on the processor cpu; a negative one leaves the choice to the system.
// Where the system cannot pin, it returns [errors.ErrUnsupported] for any other.
func Start(cmd *exec.Cmd, cpu int) error {
	if cpu < 0 {
		return cmd.Start()
	}
	return start(cmd, cpu)
}
