//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// outcome is what became of a reload, and status what the program says of itself; the names of the admin API, repeated
// because the tests see the program from outside.
type outcome struct {
	Time     time.Time `json:"time"`
	Problems []string  `json:"problems"`
}

type status struct {
	Generation  int      `json:"generation"`
	LastSuccess outcome  `json:"last_success"`
	LastFailure *outcome `json:"last_failure"`
	Sessions    struct {
		Active int `json:"active"`
	} `json:"sessions"`
	Upstreams []struct {
		Spare struct {
			Ready bool `json:"ready"`
			Taken int  `json:"taken"`
		} `json:"spare"`
	} `json:"upstreams"`
	SourcePorts []struct {
		Waiting   int `json:"waiting"`
		Inherited int `json:"inherited"`
	} `json:"source_ports"`
	Watch struct {
		Files int    `json:"files"`
		Deaf  int    `json:"deaf"`
		Error string `json:"error"`
	} `json:"watch"`
}

// failure returns the problems of the latest reload if it failed.
func (s status) failure() string {
	if s.LastFailure == nil || !s.LastFailure.Time.After(s.LastSuccess.Time) {
		return ""
	}
	return strings.Join(s.LastFailure.Problems, "\n")
}

// adminSocket asks a program for its status whatever its files look like.
type adminSocket string

// admin is where a program answers whose configuration does not say otherwise.
func (s *sallyport) admin() adminSocket { return adminSocket(s.beside("admin.sock")) }

func (path adminSocket) status(t *testing.T) status {
	t.Helper()
	s, err := path.ask()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (path adminSocket) ask() (s status, err error) {
	answer, err := path.client().Get("http://sallyport/api/v1/status")
	if err != nil {
		return s, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return s, fmt.Errorf("status: %s", answer.Status)
	}
	return s, json.NewDecoder(answer.Body).Decode(&s)
}

// post asks for something to be done, and returns the code and the text of the answer.
func (path adminSocket) post(what string) (code int, text string, err error) {
	answer, err := path.client().Post("http://sallyport"+what, "", nil)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(body), err
}

// client keeps no connection: the program may be killed at any time.
func (path adminSocket) client() *http.Client {
	return &http.Client{Timeout: 3 * patience, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", string(path))
		},
	}}
}
