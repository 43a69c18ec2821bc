package upstream

import (
	"context"
	"errors"
	"fmt"
	"os"

	"sallyport/policy"
)

// refused gives an error of dialling its reason code, if it has none yet.
func refused(err error) error {
	if err == nil {
		return nil
	}
	return refusalOf(err)
}

func refusalOf(err error) *policy.Refusal {
	if r, ok := errors.AsType[*policy.Refusal](err); ok {
		return r
	}
	switch {
	case errors.Is(err, errnoRefused):
		return policy.Refuse(policy.UpstreamRefused, err)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.Is(err, errnoTimedOut):
		return policy.Refuse(policy.UpstreamTimeout, err)
	default:
		return policy.Refuse(policy.UpstreamUnreachable, err)
	}
}

// withoutSource gives a reason code to what is wrong with the source of a connection that is bound to an address and to
// no port.
func withoutSource(err error) error {
	if !errors.Is(err, errnoAddrNotAvail) {
		return err
	}
	if call, ok := errors.AsType[*os.SyscallError](err); ok && call.Syscall == "bind" {
		return policy.Refuse(policy.SourceAbsent, fmt.Errorf("%w: the source address is not an address of this host", err))
	}
	return policy.Refuse(policy.SourceExhausted,
		fmt.Errorf("%w: every port of the ephemeral range is in use towards this destination (net.ipv4.ip_local_port_range)", err))
}

// failures are the errors towards the addresses of one name, the last of each kind.
type failures struct {
	busy *policy.Refusal // all source ports are in use by connections of ours: the address answers, or did
	far  *policy.Refusal // says something about the endpoint
	near *policy.Refusal // says something about this host
}

func (f *failures) add(err error) {
	r := refusalOf(err)
	switch r.Reason {
	case policy.SourceExhausted, policy.SourceQueue:
		f.busy = r
	case policy.SourceTaken, policy.SourceInUse, policy.SourceAbsent, policy.SourcePrivileged, policy.SourceFamily:
		f.near = r
	default:
		f.far = r
	}
}

// verdict returns the error that stands for all. Its text has one of each kind.
func (f *failures) verdict() *policy.Refusal {
	var verdict *policy.Refusal
	for _, r := range []*policy.Refusal{f.busy, f.far, f.near} {
		switch {
		case r == nil:
		case verdict == nil:
			verdict = r
		default:
			verdict = policy.Refuse(verdict.Reason, fmt.Errorf("%w; towards another address: %v", verdict.Err, r.Err))
		}
	}
	return verdict
}
