package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"

	"sallyport/policy"
)

// Lockouts asks for the first sources that are locked out, for all if limit is negative.
func (c *Client) Lockouts(ctx context.Context, limit int) (*Lockouts, error) {
	path := "/api/v1/lockouts"
	if limit >= 0 {
		path = fmt.Sprintf("%s?limit=%d", path, limit)
	}
	resp, err := c.open(ctx, http.MethodGet, path)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || !isJSON(resp) {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, longestAnswer))
		return nil, c.unexpected(resp, body)
	}
	l, err := readLockouts(json.NewDecoder(resp.Body))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c, err)
	}
	return l, nil
}

// readLockouts reads lock by lock: at once, the text of a million would be in memory beside them.
func readLockouts(d *json.Decoder) (*Lockouts, error) {
	if err := readDelim(d, '{'); err != nil {
		return nil, err
	}
	var l Lockouts
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		switch key {
		case "total":
			err = d.Decode(&l.Total)
		case "lockouts":
			l.List, err = readLocks(d)
		default: // a newer version's
			err = d.Decode(new(json.RawMessage))
		}
		if err != nil {
			return nil, err
		}
	}
	return &l, readDelim(d, '}')
}

func readLocks(d *json.Decoder) ([]policy.Locked, error) {
	if err := readDelim(d, '['); err != nil {
		return nil, err
	}
	list := []policy.Locked{}
	for d.More() {
		var lock policy.Locked
		if err := d.Decode(&lock); err != nil {
			return nil, err
		}
		list = append(list, lock)
	}
	return list, readDelim(d, ']')
}

func readDelim(d *json.Decoder, want json.Delim) error {
	got, err := d.Token()
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	if err == nil && got != want {
		err = fmt.Errorf("not a list of lock-outs: %v where %v was expected", got, want)
	}
	return err
}

// Unlock ends all locks that overlap with a prefix and returns their sources; there may be none.
func (c *Client) Unlock(ctx context.Context, prefix netip.Prefix) ([]netip.Prefix, error) {
	var u Unlocked
	err := c.callJSON(ctx, http.MethodPost, "/api/v1/unlock?address="+url.QueryEscape(prefix.String()), &u)
	return u.Unlocked, err
}
