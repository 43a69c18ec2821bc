package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// Client talks to the endpoint of a running sallyport.
type Client struct {
	Network  string // "unix" or "tcp"
	Address  string
	StateDir string // holds the token that changes over TCP need
}

// ErrNotRunning says that nobody answers at the endpoint.
var ErrNotRunning = errors.New("no sallyport is running with this configuration")

// Answers reports whether somebody listens at the endpoint.
func (c *Client) Answers() bool {
	ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
	defer cancel()
	conn, err := c.dial(ctx, "", "")
	if err == nil {
		conn.Close()
	}
	return err == nil
}

// answerTimeout is ample for a connection within this host.
const answerTimeout = 5 * time.Second

// Status asks for the status.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	var s Status
	if err := c.callJSON(ctx, http.MethodGet, "/api/v1/status", &s); err != nil {
		return nil, err
	}
	return &s, nil
}

// Reload makes the running program read everything anew and waits for the outcome.
func (c *Client) Reload(ctx context.Context) (*Reload, error) {
	var r Reload
	if err := c.callJSON(ctx, http.MethodPost, "/api/v1/reload", &r); err != nil {
		return nil, err
	}
	return &r, nil
}

// RequestReload makes the running program read everything anew and does not wait for it.
func (c *Client) RequestReload(ctx context.Context) error {
	resp, body, err := c.call(ctx, http.MethodPost, "/api/v1/reload?wait=false")
	if err == nil && resp.StatusCode != http.StatusAccepted {
		err = c.unexpected(resp, body)
	}
	return err
}

func (c *Client) callJSON(ctx context.Context, method, path string, into any) error {
	resp, body, err := c.call(ctx, method, path)
	if err != nil {
		return err
	}
	if !isJSON(resp) {
		return c.unexpected(resp, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s: %w", c, err)
	}
	return nil
}

func isJSON(resp *http.Response) bool { return resp.Header.Get("Content-Type") == "application/json" }

func (c *Client) unexpected(resp *http.Response, body []byte) error {
	return fmt.Errorf("%s: %s: %s", c, resp.Status, strings.TrimSpace(string(body)))
}

// call makes one request and returns the answer with its body, which has been read.
func (c *Client) call(ctx context.Context, method, path string) (*http.Response, []byte, error) {
	resp, err := c.open(ctx, method, path)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, longestAnswer))
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", c, err)
	}
	return resp, body, nil
}

// longestAnswer bounds what is taken from whoever answers. The longest there is names a million sources that were
// unlocked.
const longestAnswer = 64 << 20

// open makes one request and returns the answer with its body still to be read and closed.
func (c *Client) open(ctx context.Context, method, path string) (*http.Response, error) {
	req, err := c.request(ctx, method, path)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{DialContext: c.dial, DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return nil, c.explain(err)
	}
	return resp, nil
}

func (c *Client) request(ctx context.Context, method, path string) (*http.Request, error) {
	host := c.Address
	if c.Network == "unix" {
		host = unixHost
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+host+path, nil)
	if err != nil {
		return nil, err
	}
	if c.Network != "unix" && method != http.MethodGet {
		token, err := ReadToken(c.StateDir)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w\n  hint: if state_dir was changed just now, the running sallyport still goes by the old one; send it SIGHUP", err)
		}
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req, nil
}

func (c *Client) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, c.Network, c.Address)
}

func (c *Client) explain(err error) error {
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: nobody answers at %s", ErrNotRunning, c)
	}
	return fmt.Errorf("%s: %w", c, err)
}

// String names the endpoint as configuration writes it.
func (c *Client) String() string {
	if c.Network == "unix" {
		return "unix:" + c.Address
	}
	return c.Address
}
