//go:build integration

package integration

import (
	"fmt"
	"io"
	"os/exec"
	"syscall"
	"testing"
)

// TestStormPinnedRestarts replaces and reloads the sidecar beside the client again and again, while more clients come than
// there are source ports. What sessions in an old process still have the new one leaves alone, and uses once they have ended.
func TestStormPinnedRestarts(t *testing.T) {
	t.Parallel()
	r := newRig(t, pins{ports: "20001-20004"})
	r.primary.startBefore(t, "builtin:echo")
	r.startEgress(t, near{wait: "20s"})
	clients := newDialers()
	for lane := range 4 {
		clients.repeat(fmt.Sprintf("lane %d", lane), r.whole)
	}
	t.Cleanup(func() { clients.stop.Store(true) })

	kept, held := r.connect(t), r.connect(t) // kept stays in the first process
	exchange(t, kept, "in the first process\n")
	exchange(t, held, "in the first process\n")
	pid := r.egress.cmd.Process.Pid
	var runs []*process
	rounds := storms(6, 60)
	for i := range rounds {
		switch {
		case i == 0:
			must(t, syscall.Kill(pid, syscall.SIGUSR2))
			pid = r.egress.waitSuccessor(t, pid)
		case i%2 == 0:
			runs = append(runs, r.startNext(t))
			pid = r.egress.waitSuccessor(t, pid)
		default:
			ranges := []string{"20001-20003", "20001-20004"}
			r.egress.write(t, near{wait: "20s", ports: ranges[i/2%2]}.config(t, r))
			r.egress.reload(t)
		}
		clients.waitMore(t, 20) // from the ports that are left
		exchange(t, kept, fmt.Sprintf("round %d, in the first process\n", i))
		exchange(t, held, fmt.Sprintf("round %d, in the process before\n", i))
		must(t, held.Close())
		held = r.connect(t)
		exchange(t, held, fmt.Sprintf("round %d, in the new process\n", i))
		clients.waitMore(t, 20)
	}
	must(t, kept.Close())
	must(t, held.Close())
	clients.end(t)
	t.Logf("storm: %d sessions from 3 or 4 source ports during %d restarts and %d reloads; lost: %d",
		clients.tried.Load(), rounds/2, rounds/2, clients.losses)
	must(t, syscall.Kill(pid, syscall.SIGTERM))
	for _, p := range append(runs, r.egress.process) {
		if code := p.wait(t); code != 0 {
			t.Errorf("exit code %d of a process", code)
		}
	}
	r.wantWithin(t, r.pins.ports, int(clients.tried.Load()))
}

// startNext starts another process on the configuration of the sidecar beside the client.
func (r *rig) startNext(t *testing.T) *process {
	t.Helper()
	command := plus(r.clients.exec, binary(), "run", "--config", r.egress.config)
	return start(t, exec.Command(command[0], command[1:]...))
}

// TestPinnedLeasesHandedOver has a session stay in the first of three processes: the third one knows that its source port is
// in use, although the process before it never had the session and has ended. It is used again once the session is over.
func TestPinnedLeasesHandedOver(t *testing.T) {
	t.Parallel()
	r := newRig(t, pins{ports: "20001-20002"})
	r.primary.startBefore(t, "builtin:echo")
	r.startEgress(t, near{wait: "20s"})
	kept := r.connect(t)
	exchange(t, kept, "in the first process\n")
	pid := r.egress.cmd.Process.Pid
	second := r.startNext(t)
	pid = r.egress.waitSuccessor(t, pid)
	r.waitInherited(t, 1)
	third := r.startNext(t)
	r.egress.waitSuccessor(t, pid)
	if code := second.wait(t); code != 0 {
		t.Errorf("the second process ended with exit code %d", code)
	}
	other := r.connect(t)
	exchange(t, other, "from the other port\n")
	waiting := r.connect(t)
	_, err := io.WriteString(waiting, "hello\n")
	must(t, err)
	r.waitWaiting(t, 1)
	if n := r.inherited(t); n != 1 {
		t.Errorf("the third process knows of %d source ports that processes before it have, want 1:\n%s", n, r.egress.command(t, "status").all)
	}
	exchange(t, kept, "still there\n")
	must(t, kept.Close())
	if _, err := io.ReadFull(waiting, make([]byte, 6)); err != nil {
		t.Errorf("the port of the first process was not used again: %v", err)
	}
	r.waitInherited(t, 0)
	third.signal(t, syscall.SIGTERM)
}

// inherited returns how many source ports the process that serves knows to be those of processes before.
func (r *rig) inherited(t *testing.T) (n int) {
	t.Helper()
	for _, ports := range r.egress.admin().status(t).SourcePorts {
		n += ports.Inherited
	}
	return n
}

func (r *rig) waitInherited(t *testing.T, n int) {
	t.Helper()
	waitFor(t, fmt.Sprintf("%d source ports to be known as those of processes before", n), func() bool { return r.inherited(t) == n })
}
