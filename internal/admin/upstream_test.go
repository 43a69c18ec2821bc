package admin

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fakeSwitch notes what it is told, and knows one upstream.
type fakeSwitch struct {
	told []string
	err  error
}

func (f *fakeSwitch) Failover(upstream string) error { return f.change("failover", upstream) }
func (f *fakeSwitch) Failback(upstream string) error { return f.change("failback", upstream) }

func (f *fakeSwitch) change(what, upstream string) error {
	if upstream != "db" {
		return fmt.Errorf("%w application %q", ErrUnknown, upstream)
	}
	f.told = append(f.told, what+" "+upstream)
	return f.err
}

func TestSwitch(t *testing.T) {
	for _, tt := range []struct {
		name, path, authorization string
		fails                     error
		code                      int
		says                      string
		told                      []string
	}{
		{"failover", "/api/v1/failover?upstream=db", "Bearer secret", nil, 200, "{}", []string{"failover db"}},
		{"failback", "/api/v1/failback?upstream=db", "Bearer secret", nil, 200, "{}", []string{"failback db"}},
		{"it cannot be", "/api/v1/failover?upstream=db", "Bearer secret", errors.New("the backup is down"), 409, "the backup is down", []string{"failover db"}},
		{"nobody of that name", "/api/v1/failover?upstream=d", "Bearer secret", nil, 404, "unknown", nil},
		{"no name", "/api/v1/failover", "Bearer secret", nil, 400, "NAME", nil},
		{"two names", "/api/v1/failback?upstream=db&upstream=d", "Bearer secret", nil, 400, "NAME", nil},
		{"no token", "/api/v1/failover?upstream=db", "", nil, 401, "Authorization", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			upstreams := &fakeSwitch{err: tt.fails}
			code, body := request(t, Handler(newFake(), &fakeLocks{}, upstreams, "secret"), "POST", tt.path, "127.0.0.1:9901", tt.authorization)
			if code != tt.code || !strings.Contains(body, tt.says) {
				t.Errorf("%d %q, want %d with %q", code, body, tt.code, tt.says)
			}
			if diff := cmp.Diff(tt.told, upstreams.told); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSwitchClient(t *testing.T) {
	upstreams := &fakeSwitch{}
	c := serveHandler(t, "unix", filepath.Join(t.TempDir(), "a.sock"), "", Handler(newFake(), &fakeLocks{}, upstreams, ""))
	if err := c.Failover(t.Context(), "db"); err != nil {
		t.Error(err)
	}
	if err := c.Failback(t.Context(), "db"); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"failover db", "failback db"}, upstreams.told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if err := c.Failover(t.Context(), "a b&c"); err == nil || !strings.Contains(err.Error(), `"a b&c"`) {
		t.Errorf("nobody of that name: %v", err)
	}
	upstreams.err = errors.New("the backup is down")
	if err := c.Failover(t.Context(), "db"); err == nil || err.Error() != "the backup is down" {
		t.Errorf("it cannot be: %v", err)
	}
}
