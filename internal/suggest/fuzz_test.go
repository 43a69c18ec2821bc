package suggest

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pelletier/go-toml/v2"

	"sallyport/internal/suggest/draft"
	"sallyport/policy"
)

// FuzzSurvey reads anything at all.
func FuzzSurvey(f *testing.F) {
	f.Add([]byte(line() + line("source=unix", "verdict=deny") + "x" + line(`peer_identities="dns:a dns:b"`)))
	f.Add([]byte(`{"time":"2026-11-22T14:00:00Z","level":"WARN","msg":"session","application":"a","port":"b","source":"[2001:db8::1]:1","verdict":"audit-deny"}`))
	f.Add([]byte(`{"MESSAGE":"` + strings.TrimSpace(line()) + `"}`))
	f.Fuzz(func(t *testing.T, log []byte) {
		s := Survey{Denied: true, Most: 20}
		if err := s.Read(bytes.NewReader(log)); err != nil && !bytes.HasPrefix(log, []byte{0x1f, 0x8b}) {
			t.Fatal(err)
		}
		a := s.Account()
		left := 0
		for _, l := range a.LeftOut {
			left += l.Count
		}
		if a.Used > a.Records || a.Records > a.Lines || a.Used+left > a.Lines {
			t.Errorf("the numbers do not add up: %+v", a)
		}
		if s.Draft().Empty() != (a.Used == 0) {
			t.Errorf("draft empty: %t, account: %+v", s.Draft().Empty(), a)
		}
		checkFile(t, s.Draft())
	})
}

// FuzzRecord writes records as sallyport does, with anything in the values that come from others.
func FuzzRecord(f *testing.F) {
	f.Add("config-server", "secure", "10.2.0.5:20001", "tls", "no_rule", "CN=a\n[[allow]]", "dns:a \"cn:b\\\" c\"", "rule", "source port", false)
	f.Add("a", "b", "unix", "plaintext", "expired", "\u202e\"\"\"'''\r\x00\x7f\xff", "", "\n[[allow]]", "\"", true)
	f.Fuzz(func(t *testing.T, application, port, source, mode, reason, subject, identities, nearest, condition string, asJSON bool) {
		var log bytes.Buffer
		var handler slog.Handler = slog.NewTextHandler(&log, nil)
		if asJSON {
			handler = slog.NewJSONHandler(&log, nil)
		}
		slog.New(handler).Warn("session", keyApplication, application, keyPort, port, keySource, source, keyMode, mode,
			keySubject, subject, keyIdentities, identities, keyVerdict, "audit-deny", keyReason, reason, keyNearest, nearest, keyCondition, condition)
		var s Survey
		if err := s.Read(&log); err != nil {
			t.Fatal(err)
		}
		if a := s.Account(); a.Lines != 1 || a.Records != 1 && len(log.Bytes()) < longestLine {
			t.Errorf("not understood as one record: %+v", a)
		}
		checkFile(t, s.Draft())
	})
}

// checkFile makes sure that the file says what the draft means and nothing else, and that it is a policy.
func checkFile(t *testing.T, d *Draft) {
	t.Helper()
	var text bytes.Buffer
	if err := d.Write(&text); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(text.String()) {
		if strings.ContainsFunc(line[:len(line)-1], func(r rune) bool { return r < ' ' || r == 0x7f || r == 0x202e }) {
			t.Errorf("characters that cannot be printed: %q", line)
		}
	}
	type client struct {
		Name                         string
		Addresses, Ports, Identities []string
	}
	type rule struct {
		ID          string
		From, To    []string
		TLS, Reason string
	}
	type file struct {
		Client []client
		Allow  []rule
	}
	var got, want file
	if err := toml.NewDecoder(&text).DisallowUnknownFields().Decode(&got); err != nil {
		t.Fatal(err)
	}
	src := policy.Source{Clients: d.Clients, Rules: d.Rules}
	for _, c := range d.Clients {
		want.Client = append(want.Client, client{c.Name, draft.Texts(c.Addresses, policy.PrefixText), draft.Texts(c.Ports, policy.PortRange.String), draft.Texts(c.Identities, policy.Identity.String)})
	}
	for _, r := range d.Rules {
		want.Allow = append(want.Allow, rule{r.ID, r.From, r.To, r.TLS.String(), r.Reason})
		application, id, _ := strings.Cut(r.To[0], "/")
		port := policy.Port{Application: application, ID: id, Mode: policy.AutoDetect, ClientAuth: true}
		if !slices.Contains(src.Ports, port) {
			src.Ports = append(src.Ports, port)
		}
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(sameTexts)); diff != "" {
		t.Errorf("file (-want +got):\n%s", diff)
	}
	if set, faults := policy.Compile(&src, time.Unix(1e9, 0)); set == nil {
		t.Errorf("not a policy: %v", faults)
	}
}

// sameTexts takes an empty list for none.
func sameTexts(a, b []string) bool { return strings.Join(a, "\x00") == strings.Join(b, "\x00") }
