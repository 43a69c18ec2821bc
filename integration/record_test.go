//go:build integration

package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// The attributes of a session's log record; the names of proxy/record.go, repeated because the tests see the program
// from outside: a changed name breaks its users.
const (
	keyID              = "id"
	keyApplication     = "application"
	keyPort            = "port"
	keySource          = "source"
	keyPeer            = "peer"
	keyMode            = "mode"
	keyVersion         = "tls_version"
	keyCipher          = "cipher"
	keyResumed         = "resumed"
	keySNI             = "sni"
	keyALPN            = "alpn"
	keySubject         = "peer_subject"
	keyDestination     = "destination"
	keyUpstreamTLS     = "upstream_tls"
	keyUpstreamResumed = "upstream_resumed"
	keyGroup           = "group"
	keySuppressed      = "suppressed"
	keyCertificate     = "certificate"
	keyUpstream        = "upstream"
	keyUpstreamLocal   = "upstream_local"
	keyBytesIn         = "bytes_in"
	keyBytesOut        = "bytes_out"
	keyVerdict         = "verdict"
	keyReason          = "reason"
	keyClosedBy        = "closed_by"
	keyCloseReason     = "close_reason"
	keyError           = "error"
	modeTLS            = "tls"
	tls12              = "TLS 1.2"
	tls13              = "TLS 1.3"
	modePlain          = "plaintext"
	verdictAllow       = "allow"
	verdictDeny        = "deny"
)

// record is one line of the JSON log; numbers are json.Number.
type record map[string]any

// parseRecord returns the session record in a line of the log, if it is one.
func parseRecord(line string) (record, bool) {
	if !strings.HasPrefix(line, "{") {
		return nil, false
	}
	decoder := json.NewDecoder(bytes.NewReader([]byte(line)))
	decoder.UseNumber()
	var r record
	if decoder.Decode(&r) != nil {
		return nil, false
	}
	_, judged := r[keyVerdict]
	return r, judged
}

// text returns an attribute as it stands in the log, empty if it is missing.
func (r record) text(key string) string {
	value, found := r[key]
	if !found {
		return ""
	}
	return fmt.Sprint(value)
}

// fields are attributes that a record must have: a func(string) bool is asked, anything else must print the same.
type fields map[string]any

func (f fields) match(r record) bool {
	for key, want := range f {
		got, found := r[key]
		if ask, isFunc := want.(func(string) bool); isFunc {
			if !found || !ask(fmt.Sprint(got)) {
				return false
			}
			continue
		}
		if r.text(key) != fmt.Sprint(want) {
			return false
		}
	}
	return true
}

func (f fields) String() string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(f)) {
		if _, isFunc := f[key].(func(string) bool); isFunc {
			parts = append(parts, key+"=(asked)")
			continue
		}
		parts = append(parts, fmt.Sprintf("%s=%v", key, f[key]))
	}
	return strings.Join(parts, " ")
}

// present accepts every value but an empty one.
func present(s string) bool { return s != "" && s != "0" }

// atLeast accepts numbers from n on.
func atLeast(n int64) func(string) bool {
	return func(s string) bool {
		number, err := json.Number(s).Int64()
		return err == nil && number >= n
	}
}

// containing accepts values with text in them.
func containing(text string) func(string) bool {
	return func(s string) bool { return strings.Contains(s, text) }
}

// wantRecord waits for a session record with these attributes that was not returned before.
func (s *sallyport) wantRecord(t *testing.T, want fields) record {
	t.Helper()
	r, found := s.findRecord(want.match)
	if !found {
		t.Fatalf("no session record with %s; the log's end:\n%s", want, s.out.tail(25))
	}
	return r
}

func (s *sallyport) findRecord(match func(record) bool) (record, bool) {
	deadline := time.After(patience)
	seen := 0
	for {
		lines, changed := s.out.since(seen)
		for i, line := range lines {
			r, isSession := parseRecord(line)
			if isSession && !s.returned[seen+i] && match(r) {
				s.returned[seen+i] = true
				return r, true
			}
		}
		seen += len(lines)
		select {
		case <-changed:
		case <-deadline:
			return nil, false
		}
	}
}

// sessions returns all session records so far.
func (s *sallyport) sessions() []record {
	lines, _ := s.out.since(0)
	var all []record
	for _, line := range lines {
		if r, isSession := parseRecord(line); isSession {
			all = append(all, r)
		}
	}
	return all
}
