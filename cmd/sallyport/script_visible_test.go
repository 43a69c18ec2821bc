package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"

	"sallyport/internal/admin"
)

// storm FILE N CHANGED replaces a file N times, each time with another comment at its end, waits until the last of
// it is in force by the configuration in CHANGED, and fails unless that took few reloads.
func storm(ts *testscript.TestScript, _ bool, args []string) {
	name, config := ts.MkAbs(args[0]), args[2]
	changes, err := strconv.Atoi(args[1])
	ts.Check(err)
	was, err := status(ts, config)
	ts.Check(err)
	before := watchReloads(ts, config)
	content, err := os.ReadFile(name)
	ts.Check(err)
	for i := range changes {
		ts.Check(os.WriteFile(name+".new", fmt.Appendf(content, "# %d\n", i), 0o600))
		ts.Check(os.Rename(name+".new", name))
	}
	// Another file tells when all is over: whatever shows it was read after the last change above.
	marker := filepath.Join(filepath.Dir(name), "marker.toml")
	ts.Check(os.WriteFile(marker, []byte("[[block]]\nid = \"marker\"\naddresses = [\"203.0.113.77\"]\nreason = \"test\"\n"), 0o600))
	until(ts, "the marker", func() bool {
		s, err := status(ts, config)
		return err == nil && s.Policy.Hash != was.Policy.Hash // which comments do not change
	})
	if n := watchReloads(ts, config) - before; n == 0 || n > uint64(changes)/20 {
		ts.Fatalf("%d changes led to %d reloads", changes, n)
	}
}

func watchReloads(ts *testscript.TestScript, config string) uint64 {
	s, err := status(ts, config)
	ts.Check(err)
	for _, c := range s.Reloads {
		if c.Trigger == admin.TriggerWatch {
			return c.Succeeded + c.Failed
		}
	}
	ts.Fatalf("reloads by watch are not counted: %+v", s.Reloads)
	return 0
}

// scrape FILE prints the metrics of the sallyport that runs with FILE to a file called metrics.
func scrape(ts *testscript.TestScript, _ bool, args []string) {
	client, err := adminClient(ts.MkAbs(args[0]))
	ts.Check(err)
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, client.Network, client.Address)
	}}
	resp, err := (&http.Client{Transport: transport, Timeout: patience}).Get("http://localhost/metrics")
	ts.Check(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("metrics"), text, 0o600))
}
