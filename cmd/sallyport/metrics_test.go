package main

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"sallyport/internal/admin"
)

// sampleStatus has something for every metric.
func sampleStatus() admin.Status {
	ends := time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	at := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	return admin.Status{
		Version:     "1.2.3",
		Generation:  4,
		Sessions:    admin.Sessions{Active: 17, Max: 100},
		LastSuccess: &admin.Reload{Time: at, OK: true},
		LastFailure: &admin.Reload{Time: at.Add(time.Minute)},
		Watch:       admin.Watch{On: true, Files: 5, Directories: 3, Deaf: 1},
		Reloads:     []admin.ReloadCount{{Trigger: "start", Succeeded: 1}, {Trigger: "watch", Succeeded: 3, Failed: 2}},
		Certificates: []admin.Certificate{
			{Role: admin.RoleLeaf, Subject: "cs.example.com", Serial: "1f", NotAfter: ends, Files: []string{"tls/cs.crt", "tls/copy.crt"}},
			// The same labels once more, as of a CA that was cross-signed: the first counts.
			{Role: admin.RoleAuthority, Subject: "our CA", Serial: "1", NotAfter: ends.AddDate(1, 0, 0), Files: []string{"tls/ca.crt"}},
			{Role: admin.RoleAuthority, Subject: "our CA", Serial: "1", NotAfter: ends.AddDate(2, 0, 0), Files: []string{"tls/ca.crt"}},
			{Role: admin.RoleIntermediate, Subject: "odd", Serial: "2", NotAfter: ends, Files: []string{"tls/\xff.crt"}},
		},
		Upstreams: []admin.Upstream{
			{
				Name: "db", Redundant: true, Active: "b:1", Failovers: 2, Failbacks: 1, Waiting: 5, Spare: &admin.Spare{Ready: true},
				Endpoints: []admin.UpstreamEndpoint{
					{Endpoint: "a:1", Role: "primary", Connected: 30, Failed: 4, Checks: 20, Unwell: 3},
					{Endpoint: "b:1", Role: "backup", Healthy: true, Sessions: 6, Connected: 10},
				},
			},
			{Name: "web", Endpoints: []admin.UpstreamEndpoint{{Endpoint: "c:1", Role: "primary", Healthy: true}}},
		},
		SourcePorts:     []admin.SourcePorts{{Source: "10.2.0.5", Destination: "10.0.0.1:2021", Ports: 4, Leased: 2, Cooling: 1, Waiting: 7}},
		SourceLacks:     map[string]uint64{"upstream_source_exhausted": 8},
		RevocationLists: []admin.RevocationList{{Issuer: "our CA", File: "tls/ca.crl", NextUpdate: ends}, {Issuer: "our CA", File: "tls/ca.crl", NextUpdate: ends}},
	}
}

func TestMetrics(t *testing.T) {
	m := newMetrics(sampleStatus, slog.New(slog.DiscardHandler))
	problems, err := testutil.GatherAndLint(m.registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	const want = `
# HELP sallyport_generation Number of the generation (of configuration, policy and certificates) in force.
# TYPE sallyport_generation gauge
sallyport_generation 4
# HELP sallyport_certificate_not_after_timestamp_seconds When a certificate in use ends. The role is leaf, intermediate (sent with a leaf) or authority (of trusted_ca); the file is the first that has it.
# TYPE sallyport_certificate_not_after_timestamp_seconds gauge
sallyport_certificate_not_after_timestamp_seconds{file="tls/ca.crt",role="authority",serial="1",subject="our CA"} 1.835524800e+09
sallyport_certificate_not_after_timestamp_seconds{file="tls/cs.crt",role="leaf",serial="1f",subject="cs.example.com"} 1.8039024e+09
sallyport_certificate_not_after_timestamp_seconds{file="tls/�.crt",role="intermediate",serial="2",subject="odd"} 1.8039024e+09
# HELP sallyport_reload_last_successful Whether the latest reload succeeded: 0 while the files hold something that is not in force.
# TYPE sallyport_reload_last_successful gauge
sallyport_reload_last_successful 0
# HELP sallyport_reloads_total Times that everything was read anew, the start included; a failure changed nothing.
# TYPE sallyport_reloads_total counter
sallyport_reloads_total{outcome="failure",trigger="start"} 0
sallyport_reloads_total{outcome="failure",trigger="watch"} 2
sallyport_reloads_total{outcome="success",trigger="start"} 1
sallyport_reloads_total{outcome="success",trigger="watch"} 3
# HELP sallyport_sessions_active Sessions there are now, those included that are not yet judged.
# TYPE sallyport_sessions_active gauge
sallyport_sessions_active 17
# HELP sallyport_source_ports Source ports of one address towards one destination that are free, leased by a connection, or cooling because the system still has a connection from them. Only destinations that are in use.
# TYPE sallyport_source_ports gauge
sallyport_source_ports{destination="10.0.0.1:2021",source="10.2.0.5",state="cooling"} 1
sallyport_source_ports{destination="10.0.0.1:2021",source="10.2.0.5",state="free"} 1
sallyport_source_ports{destination="10.0.0.1:2021",source="10.2.0.5",state="leased"} 2
# HELP sallyport_upstream_endpoint_active Whether new sessions go to an endpoint: for a primary and its backup, which of the two; otherwise whether it is healthy.
# TYPE sallyport_upstream_endpoint_active gauge
sallyport_upstream_endpoint_active{endpoint="a:1",role="primary",upstream="db"} 0
sallyport_upstream_endpoint_active{endpoint="b:1",role="backup",upstream="db"} 1
sallyport_upstream_endpoint_active{endpoint="c:1",role="primary",upstream="web"} 1
# HELP sallyport_watch_deaf_directories Directories that cannot be watched, for want of watches: files in them are looked at periodically.
# TYPE sallyport_watch_deaf_directories gauge
sallyport_watch_deaf_directories 1
`
	if err := testutil.GatherAndCompare(m.registry, strings.NewReader(want),
		"sallyport_generation", "sallyport_certificate_not_after_timestamp_seconds", "sallyport_reload_last_successful",
		"sallyport_reloads_total", "sallyport_sessions_active", "sallyport_watch_deaf_directories",
		"sallyport_source_ports", "sallyport_upstream_endpoint_active"); err != nil {
		t.Error(err)
	}
}

// Every metric of the table has a value, and what is gone has no series any more.
func TestMetricsComeAndGo(t *testing.T) {
	status := sampleStatus()
	m := newMetrics(func() admin.Status { return status }, slog.New(slog.DiscardHandler))
	m.reloaded(20 * time.Millisecond)
	for _, row := range statusMetrics() {
		if n, err := testutil.GatherAndCount(m.registry, row.name); err != nil || n == 0 {
			t.Errorf("%s: %d series, %v", row.name, n, err)
		}
	}
	status.Certificates = status.Certificates[1:2]
	status.LastFailure = nil
	counts := map[string]int{
		"sallyport_certificate_not_after_timestamp_seconds": 1,
		"sallyport_reload_last_failure_timestamp_seconds":   0,
		reloadDuration:  1,
		"go_goroutines": 1,
	}
	for name, want := range counts {
		if n, err := testutil.GatherAndCount(m.registry, name); err != nil || n != want {
			t.Errorf("%s: %d series, want %d; %v", name, n, want, err)
		}
	}
	w := httptest.NewRecorder()
	m.handler.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if text := w.Body.String(); w.Code != 200 || !strings.Contains(text, "sallyport_reload_last_successful 1\n") {
		t.Errorf("%d: %s", w.Code, text)
	}
}

func TestMetricsPage(t *testing.T) {
	const path = "../../docs/metrics.md"
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	kinds := []string{"", "counter", "gauge"}
	var table strings.Builder
	fmt.Fprint(&table, "| metric | type | labels | meaning |\n|---|---|---|---|\n")
	for _, m := range statusMetrics() {
		labels := ""
		if len(m.labels) > 0 {
			labels = "`" + strings.Join(m.labels, "`, `") + "`"
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", m.name, kinds[m.kind], labels, m.help)
	}
	fmt.Fprintf(&table, "| `%s` | histogram |  | %s |\n", reloadDuration, reloadDurationHelp)
	page := section(t, string(old), "metrics", table.String())
	if *update {
		if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(page, string(old)); diff != "" {
		t.Errorf("docs/metrics.md differs from the code; run go test ./cmd/sallyport -run TestMetricsPage -update (-want +got):\n%s", diff)
	}
}

// BenchmarkScrape is a scrape with 10,000 certificates in use.
func BenchmarkScrape(b *testing.B) {
	status := sampleStatus()
	status.Certificates = nil
	for i := range 10_000 {
		status.Certificates = append(status.Certificates, admin.Certificate{
			Role: admin.RoleLeaf, Subject: fmt.Sprintf("host-%d.example.com", i), Serial: fmt.Sprintf("%x", i),
			NotAfter: time.Now(), Files: []string{fmt.Sprintf("tls/host-%d.crt", i)},
		})
	}
	m := newMetrics(func() admin.Status { return status }, slog.New(slog.DiscardHandler))
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		w.Body = nil
		m.handler.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	}
}
