package main

import (
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/admin"
)

// TestReloadsAreAnnouncedInTurn: `systemctl reload` returns at the first READY after its RELOADING, which must not be that of a
// reload that had begun before.
func TestReloadsAreAnnouncedInTurn(t *testing.T) {
	dir := t.TempDir()
	systemd, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer systemd.Close()
	t.Setenv("NOTIFY_SOCKET", filepath.Join(dir, "notify"))
	path := filepath.Join(dir, "config.toml")
	d := newDaemon(path, newLogHandler(new(logText)), nil)
	d.store.send = nil // of no interest here
	t.Cleanup(func() {
		d.sockets.Close()
		d.serving.Wait()
	})
	writePort(t, path, "127.0.0.1:0", "")
	if first := d.change(t.Context(), admin.TriggerStart); !first.OK {
		t.Fatal(first.Problems)
	}

	d.reloading.Lock() // a long reading
	for _, trigger := range []string{admin.TriggerWatch, admin.TriggerSignal} {
		go d.reload(t.Context(), trigger)
	}
	var told []string
	systemd.SetReadDeadline(time.Now().Add(10 * time.Second))
	for range 4 {
		notice := make([]byte, 200)
		n, err := systemd.Read(notice)
		if err != nil {
			t.Fatal(err)
		}
		state, _, _ := strings.Cut(string(notice[:n]), "\n")
		if told = append(told, state); len(told) == 1 {
			d.reloading.Unlock()
		}
	}
	if diff := cmp.Diff([]string{"RELOADING=1", "READY=1", "RELOADING=1", "READY=1"}, told); diff != "" {
		t.Errorf("notices (-want +got):\n%s", diff)
	}
}

// TestManagerThatDoesNotRead keeps nobody waiting for good.
func TestManagerThatDoesNotRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	systemd, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer systemd.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	log := new(logText)
	n := &notifier{log: slog.New(slog.NewTextHandler(log, nil))}
	for range 10_000 { // more than a queue holds
		if n.ready(); log.has("could not be notified") {
			return
		}
	}
	t.Error("the queue is never full, so nothing was tested")
}
