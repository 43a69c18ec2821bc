//go:build linux || darwin || freebsd

package main

import (
	"os"
	"testing"

	"sallyport/internal/admin"
)

// TestRendezvousFileGone: whoever tidies the state directory up does not make the next restart one that loses clients.
func TestRendezvousFileGone(t *testing.T) {
	for name, repair := range map[string]func(*daemon) bool{
		"reload":  func(d *daemon) bool { return d.change(t.Context(), admin.TriggerSignal).OK },
		"upgrade": (*daemon).canBeMet,
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := startHanding(t)
			path, err := rendezvousPath(d.stateDir(), d.path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if !repair(d) {
				t.Fatal("not repaired")
			}
			d.meetingPoint(t).Close()
		})
	}
	d, _ := startHanding(t)
	if err := os.RemoveAll(d.stateDir()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.stateDir(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if d.canBeMet() {
		t.Error("it can be met where there is no directory")
	}
}
