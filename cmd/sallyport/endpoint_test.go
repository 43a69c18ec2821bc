package main

import (
	"io"
	"log/slog"
	"net/http"
	"testing"

	"sallyport/internal/config"
)

// TestEndpointRenamed: another name for the same admin socket keeps it, and who serves on it.
func TestEndpointRenamed(t *testing.T) {
	e := &endpoint{log: slog.New(slog.DiscardHandler)}
	t.Cleanup(e.close)
	cfg := &config.Config{}
	cfg.Host.StateDir = t.TempDir()
	cfg.Admin.Explicit = true
	cfg.Admin.Listen.Value = config.Address{Network: "tcp4", Address: "127.0.0.1:0"}
	use := func() {
		t.Helper()
		d := newDaemon("", newLogHandler(io.Discard), nil)
		switchOver, problem := e.stage(cfg, d, nil, d.upstreams)
		if problem != nil {
			t.Fatal(problem)
		}
		switchOver()
	}
	use()
	server, address := e.server, e.sockets.Listeners()[0].Addr().String()
	cfg.Admin.Listen.Value.Address = address
	use()
	if e.server != server {
		t.Error("the server of the socket was ended")
	}
	answer, err := http.Get("http://" + address + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	use() // and its new name is known
	if e.server != server || len(e.sockets.Listeners()) != 1 {
		t.Error("the same again was a change")
	}
}
