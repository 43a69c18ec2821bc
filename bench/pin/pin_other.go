//go:build !linux

package pin

import (
	"errors"
	"os/exec"
)

func start(*exec.Cmd, []int) error { return errors.ErrUnsupported }

// Processors returns nil: they cannot be told apart here.
func Processors() []int { return nil }
