package sourceport

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"sallyport/policy"
)

// complaint is what the kernel has against a source port.
type complaint struct {
	reason policy.Reason
	tuple  Tuple
	err    error  // of the system call
	event  uint64 // when, by the pool's count
}

// complaintOf returns what an error of connecting says of the source port; nil if it says nothing.
//
// The same number means one thing at bind and another at connect: an address that is not available is no address of the
// host at bind, but at connect the port is bound already, and its tuple has a connection. Some systems then call it in
// use.
func complaintOf(t Tuple, err error) *complaint {
	call, ok := errors.AsType[*os.SyscallError](err)
	if !ok {
		return nil
	}
	atBind, atConnect := call.Syscall == "bind", strings.HasPrefix(call.Syscall, "connect")
	inUse, notAvailable := errors.Is(call.Err, errnoInUse), errors.Is(call.Err, errnoNotAvailable)
	c := &complaint{tuple: t, err: call}
	switch {
	case atBind && inUse:
		c.reason = policy.SourceTaken
	case atBind && notAvailable:
		c.reason = policy.SourceAbsent
	case atBind && errors.Is(call.Err, errnoAccess):
		c.reason = policy.SourcePrivileged
	case atConnect && (inUse || notAvailable):
		c.reason = policy.SourceInUse
	default:
		return nil
	}
	return c
}

// passes reports whether waiting or another port may help.
func (c *complaint) passes() bool {
	return c.reason == policy.SourceTaken || c.reason == policy.SourceInUse
}

func (c *complaint) Error() string {
	return fmt.Sprintf("%s: %s", c.tuple, c.text())
}

// text says it without the tuple.
func (c *complaint) text() string { return fmt.Sprintf("%s: %s; %s", c.what(), c.err, c.hint()) }

func (c *complaint) Unwrap() error { return c.err }

func (c *complaint) what() string {
	source := c.tuple.Source
	switch c.reason {
	case policy.SourceTaken:
		return fmt.Sprintf("another program has source port %d", source.Port())
	case policy.SourceInUse:
		return fmt.Sprintf("the system still has a connection from port %d to there", source.Port())
	case policy.SourceAbsent:
		return fmt.Sprintf("%s is not an address of this host", source.Addr())
	case policy.SourcePrivileged:
		return fmt.Sprintf("this process may not bind source port %d", source.Port())
	}
	return "the source port does not work"
}

func (c *complaint) hint() string {
	port := c.tuple.Source.Port()
	switch c.reason {
	case policy.SourceTaken:
		return fmt.Sprintf(hintTaken, port)
	case policy.SourceInUse:
		return fmt.Sprintf(hintInUse, port)
	case policy.SourceAbsent:
		return "correct the source address or give it to an interface; " + hintAbsent
	case policy.SourcePrivileged:
		if port >= 1024 {
			return hintForbidden
		}
		return "declare ports from 1024 on, or " + hintPrivileged
	}
	return ""
}
