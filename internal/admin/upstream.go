package admin

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"
)

// Upstream is the server of an application, or several.
type Upstream struct {
	Name      string             `json:"name"`                // of its application, or "application/port/sniN"
	Redundant bool               `json:"redundant,omitempty"` // a primary and its backup
	Active    string             `json:"active,omitempty"`    // endpoint of new sessions, if redundant
	Held      bool               `json:"held,omitempty"`      // an operator chose it
	Failovers uint64             `json:"failovers"`
	Failbacks uint64             `json:"failbacks"`
	Waiting   int                `json:"waiting"` // sessions that wait for their turn to be connected
	Endpoints []UpstreamEndpoint `json:"endpoints"`
	Spare     *Spare             `json:"spare,omitempty"` // only where the standby is hot
}

// UpstreamEndpoint is one server.
type UpstreamEndpoint struct {
	Endpoint  string    `json:"endpoint"`
	Role      string    `json:"role"`
	Healthy   bool      `json:"healthy"`
	Since     time.Time `json:"since"`
	Problem   string    `json:"problem,omitempty"` // the last failure
	Sessions  int       `json:"sessions"`
	Connected uint64    `json:"connected"` // sessions so far
	Failed    uint64    `json:"failed"`    // attempts to connect so far
	Checks    uint64    `json:"checks"`    // so far
	Unwell    uint64    `json:"unwell"`    // of the checks
}

// Spare is the connection that is kept to a backup.
type Spare struct {
	Ready   bool       `json:"ready"`
	Since   *time.Time `json:"since,omitempty"`
	Problem string     `json:"problem,omitempty"`
	Taken   uint64     `json:"taken"` // by sessions so far
	Died    uint64     `json:"died"`  // before a session came, so far
}

// SourcePorts counts the source ports of one address towards one destination.
type SourcePorts struct {
	Source      string `json:"source"`
	Destination string `json:"destination"`
	Ports       int    `json:"ports"` // declared; 0: not known
	Leased      int    `json:"leased"`
	Cooling     int    `json:"cooling"`
	Inherited   int    `json:"inherited"` // of the leased ones, by connections of the process before
	Waiting     int    `json:"waiting"`   // sessions
}

// Switch changes which endpoint of an application is in use.
type Switch interface {
	// Failover makes the other endpoint of a redundant upstream the active one. [ErrUnknown] says that there is no such upstream.
	Failover(upstream string) error
	// Failback makes the primary the active endpoint.
	Failback(upstream string) error
}

// ErrUnknown says that there is nothing of that name.
var ErrUnknown = errors.New("unknown")

func switching(change func(string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		names := r.URL.Query()["upstream"]
		if len(names) != 1 {
			answer(w, http.StatusBadRequest, "name one application: "+r.URL.Path+"?upstream=NAME")
			return
		}
		err := change(names[0])
		switch {
		case errors.Is(err, ErrUnknown):
			answerJSON(w, http.StatusNotFound, switched{Problem: err.Error()})
		case err != nil:
			answerJSON(w, http.StatusConflict, switched{Problem: err.Error()})
		default:
			answerJSON(w, http.StatusOK, switched{})
		}
	}
}

// switched is the answer to a failover or failback.
type switched struct {
	Problem string `json:"problem,omitempty"` // why nothing changed
}

// Failover makes the other endpoint of a redundant upstream the active one.
func (c *Client) Failover(ctx context.Context, upstream string) error {
	return c.change(ctx, "failover", upstream)
}

// Failback makes the primary of a redundant upstream the active endpoint.
func (c *Client) Failback(ctx context.Context, upstream string) error {
	return c.change(ctx, "failback", upstream)
}

func (c *Client) change(ctx context.Context, what, upstream string) error {
	var result switched
	if err := c.callJSON(ctx, http.MethodPost, "/api/v1/"+what+"?upstream="+url.QueryEscape(upstream), &result); err != nil {
		return err
	}
	if result.Problem != "" {
		return errors.New(result.Problem)
	}
	return nil
}
