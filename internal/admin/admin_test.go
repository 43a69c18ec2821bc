package admin

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fake is a program that counts its reloads.
type fake struct {
	state    string
	fails    bool
	reloaded chan struct{}
}

func newFake() *fake { return &fake{state: StateReady, reloaded: make(chan struct{}, 10)} }

func (f *fake) Status() Status { return Status{State: f.state, Generation: 7, PID: 42} }

func (f *fake) Metrics() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "sallyport_generation 7") })
}

func (f *fake) Reload(ctx context.Context) Reload {
	f.reloaded <- struct{}{}
	if f.fails {
		return Reload{Generation: 7, Problems: []string{"config.toml:1:1: x"}}
	}
	return Reload{Generation: 8, OK: ctx.Err() == nil}
}

func request(t *testing.T, h http.Handler, method, path, host, authorization string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	r.Host = host
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestHandler(t *testing.T) {
	const local = "127.0.0.1:9901"
	for _, c := range []struct {
		name, method, path, host, authorization string
		state                                   string
		fails                                   bool
		want                                    int
		says                                    string
	}{
		{name: "health", method: "GET", path: "/healthz", want: 200, says: "ok"},
		{name: "ready", method: "GET", path: "/readyz", want: 200, says: "ready"},
		{name: "draining", method: "GET", path: "/readyz", state: StateDraining, want: 503, says: "draining"},
		{name: "healthy while draining", method: "GET", path: "/healthz", state: StateDraining, want: 200},
		{name: "status", method: "GET", path: "/api/v1/status", want: 200, says: `"generation": 7`},
		{name: "metrics", method: "GET", path: "/metrics", want: 200, says: "sallyport_generation 7"},
		{name: "metrics by a foreign name", method: "GET", path: "/metrics", host: "evil.example:9901", want: 403, says: "Host"},
		{name: "metrics are read only", method: "POST", path: "/metrics", authorization: "Bearer secret", want: 405},
		{name: "by name", method: "GET", path: "/healthz", host: "localhost:9901", want: 200},
		{name: "by IPv6 address", method: "GET", path: "/healthz", host: "[::1]:9901", want: 200},
		{name: "by a foreign name", method: "GET", path: "/api/v1/status", host: "evil.example:9901", want: 403, says: "Host"},
		{name: "reload with the token", method: "POST", path: "/api/v1/reload", authorization: "Bearer secret", want: 200, says: `"ok": true`},
		{name: "failed reload", method: "POST", path: "/api/v1/reload", authorization: "Bearer secret", fails: true, want: 422, says: "config.toml:1:1"},
		{name: "reload without waiting", method: "POST", path: "/api/v1/reload?wait=false", authorization: "Bearer secret", want: 202},
		{name: "reload without a token", method: "POST", path: "/api/v1/reload", want: 401, says: TokenFile},
		{name: "reload with a wrong token", method: "POST", path: "/api/v1/reload", authorization: "Bearer secreT", want: 401},
		{name: "reload with half a token", method: "POST", path: "/api/v1/reload", authorization: "Bearer s", want: 401},
		{name: "reload with a password", method: "POST", path: "/api/v1/reload", authorization: "Basic secret", want: 401},
		{name: "reload by GET", method: "GET", path: "/api/v1/reload", want: 405},
		{name: "nowhere", method: "GET", path: "/nowhere", want: 404},
	} {
		t.Run(c.name, func(t *testing.T) {
			service := newFake()
			service.fails = c.fails
			if c.state != "" {
				service.state = c.state
			}
			if c.host == "" {
				c.host = local
			}
			code, body := request(t, Handler(service, &fakeLocks{}, new(fakeSwitch), "secret"), c.method, c.path, c.host, c.authorization)
			if code != c.want || !strings.Contains(body, c.says) {
				t.Errorf("%d %q, want %d with %q", code, body, c.want, c.says)
			}
			wantReload := c.want == 200 && c.method == "POST" || c.want == 202 || c.want == 422
			select {
			case <-service.reloaded:
				if !wantReload {
					t.Error("it was reloaded")
				}
			case <-time.After(map[bool]time.Duration{true: 10 * time.Second}[wantReload]):
				if wantReload {
					t.Error("it was not reloaded")
				}
			}
		})
	}
}

// serve runs an endpoint and returns a client for it.
func serve(t *testing.T, network, address, dir, token string) *Client {
	t.Helper()
	return serveHandler(t, network, address, dir, Handler(newFake(), &fakeLocks{}, new(fakeSwitch), token))
}

func TestClient(t *testing.T) {
	dir := t.TempDir()
	token, err := Token(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		client *Client
	}{
		{"tcp", serve(t, "tcp", "127.0.0.1:0", dir, token)},
		{"unix", serve(t, "unix", filepath.Join(dir, "a.sock"), t.TempDir(), "")},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx := t.Context()
			status, err := c.client.Status(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&Status{State: StateReady, Generation: 7, PID: 42}, status); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
			if r, err := c.client.Reload(ctx); err != nil || !r.OK || r.Generation != 8 {
				t.Errorf("Reload = %+v, %v", r, err)
			}
			if err := c.client.RequestReload(ctx); err != nil {
				t.Errorf("RequestReload: %v", err)
			}
		})
	}
}

func TestClientErrors(t *testing.T) {
	dir := t.TempDir()
	absent := &Client{Network: "unix", Address: filepath.Join(dir, "nobody.sock")}
	if _, err := absent.Status(t.Context()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("nobody there: %v", err)
	}
	noToken := serve(t, "tcp", "127.0.0.1:0", dir, "secret")
	if _, err := noToken.Reload(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no token: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, TokenFile), []byte("other\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := noToken.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("wrong token: %v", err)
	}
	if err := noToken.RequestReload(t.Context()); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("wrong token: %v", err)
	}
}

func TestToken(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	var wg sync.WaitGroup
	tokens := make([]string, 8)
	for i := range tokens { // processes that start at once agree on one token
		wg.Go(func() {
			var err error
			if tokens[i], err = Token(dir); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, token := range tokens {
		if token != tokens[0] || len(token) < 20 {
			t.Errorf("tokens differ or are short: %q", tokens)
		}
	}
	info, err := os.Stat(filepath.Join(dir, TokenFile))
	if err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("mode %v, %v: others can read it", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
	if err := os.WriteFile(filepath.Join(dir, TokenFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Token(dir); err == nil || !strings.Contains(err.Error(), "empty") {
		t.Errorf("empty token file: %v", err)
	}
}

func TestServerCutsSlowStrangers(t *testing.T) {
	if s := Server(nil); s.ReadHeaderTimeout <= 0 || s.ReadTimeout <= 0 || s.IdleTimeout <= 0 || s.MaxHeaderBytes <= 0 {
		t.Errorf("a stranger's read has no bound: %+v", s)
	}
}
