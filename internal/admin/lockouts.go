package admin

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sallyport/policy"
)

// Locks are the sources that the running program has locked out.
type Locks interface {
	// List returns them in the order of their addresses. The slice is the caller's.
	List(now time.Time) []policy.Locked
	// Unlock ends all locks that overlap with a prefix and returns their sources.
	Unlock(now time.Time, prefix netip.Prefix) []netip.Prefix
}

// Lockouts is an answer of sources that are locked out.
type Lockouts struct {
	Total int             `json:"total"`    // of the sources that are locked out
	List  []policy.Locked `json:"lockouts"` // the first of them, or all
}

// Unlocked is the answer to an unlock.
type Unlocked struct {
	Unlocked []netip.Prefix `json:"unlocked"`
}

// listTime bounds how long one client can keep a list, and with it all others who ask for one.
const listTime = time.Minute

// lockouts answers with a list that may be long: a million locks are 200 MB of JSON. It is therefore made once
// at a time, and written lock by lock.
func (h *handler) lockouts(w http.ResponseWriter, r *http.Request) {
	limit, err := listLimit(r.URL.Query())
	if err != nil {
		answer(w, http.StatusBadRequest, err.Error())
		return
	}
	select {
	case h.listing <- struct{}{}:
		defer func() { <-h.listing }()
	case <-r.Context().Done(): // the client has left, or the server's ReadTimeout is over
		answer(w, http.StatusServiceUnavailable, "somebody else is being given the list; try again")
		return
	}
	list := h.locks.List(time.Now())
	page := Lockouts{Total: len(list), List: list}
	if limit >= 0 && limit < len(list) {
		page.List = list[:limit]
	}
	deadline := http.NewResponseController(w) // which a connection of a test may not have
	deadline.SetWriteDeadline(time.Now().Add(listTime))
	defer deadline.SetWriteDeadline(time.Time{})
	w.Header().Set("Content-Type", "application/json")
	page.Write(w)
}

// listLimit reads the limit of a query; without one, it is negative.
func listLimit(query url.Values) (int, error) {
	texts, ok := query["limit"]
	if !ok {
		return -1, nil
	}
	limit, err := strconv.ParseUint(strings.Join(texts, ","), 10, 31)
	if err != nil {
		return 0, fmt.Errorf("limit: %q is not a number of lock-outs", texts)
	}
	return int(limit), nil
}

// Write writes the list as JSON, one lock a line, times to the millisecond: they are computed from moments of the monotonic
// clock, so what is behind that changes from one answer to the next.
func (l *Lockouts) Write(w io.Writer) error {
	out := bufio.NewWriterSize(w, 64<<10)
	fmt.Fprintf(out, `{"total":%d,"lockouts":[`, l.Total)
	for i := range l.List {
		rounded := l.List[i]
		rounded.Since, rounded.Until = rounded.Since.Round(time.Millisecond), rounded.Until.Round(time.Millisecond)
		lock, err := json.Marshal(&rounded)
		if err != nil {
			return err
		}
		separator := ",\n"
		if i == 0 {
			separator = "\n"
		}
		out.WriteString(separator)
		if _, err := out.Write(lock); err != nil {
			return err // nobody reads on
		}
	}
	out.WriteString("\n]}\n")
	return out.Flush()
}

func (h *handler) unlock(w http.ResponseWriter, r *http.Request) {
	addresses := r.URL.Query()["address"]
	if len(addresses) != 1 {
		answer(w, http.StatusBadRequest, `unlock takes one address or prefix: POST /api/v1/unlock?address=203.0.113.9`)
		return
	}
	prefix, err := ParseSource(addresses[0])
	if err != nil {
		answer(w, http.StatusBadRequest, err.Error())
		return
	}
	unlocked := Unlocked{h.locks.Unlock(time.Now(), prefix)}
	code := http.StatusOK
	if len(unlocked.Unlocked) == 0 {
		code, unlocked.Unlocked = http.StatusNotFound, []netip.Prefix{}
	}
	answerJSON(w, code, unlocked)
}

// ParseSource reads a source as a log or a list shows it: an address or a prefix, which may be IPv4-mapped.
func ParseSource(text string) (netip.Prefix, error) {
	prefix, err := policy.ParsePrefix(unmapped(text))
	if err == nil {
		return prefix, nil
	}
	hint := ""
	if malformed, ok := errors.AsType[*policy.Malformed](err); ok {
		hint = malformed.Hint
	}
	if from, portErr := netip.ParseAddrPort(text); portErr == nil {
		hint = fmt.Sprintf("a lock-out is of an address, whatever the port: %s", from.Addr().Unmap().WithZone(""))
	}
	if hint != "" {
		hint = "\n  hint: " + hint
	}
	return netip.Prefix{}, fmt.Errorf("%w%s", err, hint)
}

// unmapped writes an IPv4-mapped address or prefix as the IPv4 one that it means.
func unmapped(text string) string {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		return addr.Unmap().String()
	}
	if p, err := netip.ParsePrefix(text); err == nil && p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96).String()
	}
	return text
}
