package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
)

// notifier tells systemd what state the program is in (sd_notify). Where nobody asked
// to be told, it does nothing.
type notifier struct {
	log   *slog.Logger
	muted atomic.Bool // another process speaks for the service
}

// mainPID says that another process speaks for the service from now on, and says nothing more.
func (n *notifier) mainPID(pid int) {
	n.send(fmt.Sprintf("MAINPID=%d", pid))
	n.muted.Store(true)
}

func (n *notifier) ready() { n.send(sd.SdNotifyReady) }

// reloading announces a reload; ready ends it. systemd wants the time, to tell one reload from the next.
func (n *notifier) reloading() {
	n.send(sd.SdNotifyReloading + "\n" + fmt.Sprintf("MONOTONIC_USEC=%d", monotonicMicroseconds()))
}

func (n *notifier) stopping() { n.send(sd.SdNotifyStopping) }

func (n *notifier) send(state string) {
	socket := os.Getenv("NOTIFY_SOCKET")
	if socket == "" || n.muted.Load() {
		return
	}
	if err := notifyWithFile(socket, state, nil); err != nil { // within a second: no reload waits for a manager that does not read
		n.log.Warn("systemd could not be notified", "error", err)
	}
}

// watch keeps systemd's watchdog quiet while alive answers, until ctx ends. An alive that
// hangs makes systemd restart the program.
func (n *notifier) watch(ctx context.Context, alive func()) {
	interval, err := sd.SdWatchdogEnabled(false)
	if err != nil || interval <= 0 {
		return
	}
	ticker := time.NewTicker(interval / 2)
	defer ticker.Stop()
	for {
		alive()
		n.send(sd.SdNotifyWatchdog)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
