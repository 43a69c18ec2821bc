package main

import (
	"runtime"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sallyport/internal/admin"
)

// metric is one that is read from the status.
type metric struct {
	name   string
	kind   prometheus.ValueType
	labels []string
	help   string
	read   func(*admin.Status, emit)
}

// emit makes a series of a metric, with the values of its labels in their order.
type emit func(value float64, labels ...string)

// The one metric that is measured and not read.
const (
	reloadDuration     = "sallyport_reload_duration_seconds"
	reloadDurationHelp = "How long reloads took, failed ones included."
)

// Values of the label outcome.
const (
	outcomeSuccess = "success"
	outcomeFailure = "failure"
)

// statusMetrics returns the metrics that are read from the status. docs/metrics.md is written from this list.
func statusMetrics() []metric {
	const gauge, counter = prometheus.GaugeValue, prometheus.CounterValue
	return append([]metric{
		{"sallyport_build_info", gauge, []string{"version", "goversion"},
			"Always 1; the labels say which build runs.",
			func(s *admin.Status, emit emit) { emit(1, s.Version, runtime.Version()) }},
		{"sallyport_generation", gauge, nil,
			"Number of the generation (of configuration, policy and certificates) in force.",
			func(s *admin.Status, emit emit) { emit(float64(s.Generation)) }},
		{"sallyport_sessions_active", gauge, nil,
			"Sessions there are now, those included that are not yet judged.",
			func(s *admin.Status, emit emit) { emit(float64(s.Sessions.Active)) }},
		{"sallyport_reloads_total", counter, []string{"outcome", "trigger"},
			"Times that everything was read anew, the start included; a failure changed nothing.", readReloads},
		{"sallyport_reload_last_successful", gauge, nil,
			"Whether the latest reload succeeded: 0 while the files hold something that is not in force.", readLastReload},
		{"sallyport_reload_last_success_timestamp_seconds", gauge, nil,
			"When the latest reload that succeeded ended.",
			func(s *admin.Status, emit emit) { emitTime(s.LastSuccess, emit) }},
		{"sallyport_reload_last_failure_timestamp_seconds", gauge, nil,
			"When the latest reload that failed ended; no series if none did.",
			func(s *admin.Status, emit emit) { emitTime(s.LastFailure, emit) }},
		{"sallyport_certificate_not_after_timestamp_seconds", gauge, []string{"role", "subject", "serial", "file"},
			"When a certificate in use ends. The role is leaf, intermediate (sent with a leaf) or authority (of trusted_ca); the file is the first that has it.", readCertificates},
		{"sallyport_revocation_list_next_update_timestamp_seconds", gauge, []string{"issuer", "file"},
			"When a revocation list in use ends. After that, clients of its issuer are refused.", readRevocationLists},
		{"sallyport_watch_files", gauge, nil,
			"Files that are watched for changes; 0 if [reload] watch is off.",
			func(s *admin.Status, emit emit) { emit(float64(s.Watch.Files)) }},
		{"sallyport_watch_directories", gauge, nil,
			"Directories whose changes the system reports.",
			func(s *admin.Status, emit emit) { emit(float64(s.Watch.Directories)) }},
		{"sallyport_watch_deaf_directories", gauge, nil,
			"Directories that cannot be watched, for want of watches: files in them are looked at periodically.",
			func(s *admin.Status, emit emit) { emit(float64(s.Watch.Deaf)) }},
	}, upstreamMetrics()...)
}

func readReloads(s *admin.Status, emit emit) {
	for _, c := range s.Reloads {
		emit(float64(c.Succeeded), outcomeSuccess, c.Trigger)
		emit(float64(c.Failed), outcomeFailure, c.Trigger)
	}
}

func readLastReload(s *admin.Status, emit emit) {
	if admin.FailedLast(s.LastSuccess, s.LastFailure) {
		emit(0)
	} else {
		emit(1)
	}
}

func emitTime(r *admin.Reload, emit emit) {
	if r != nil {
		emit(timestamp(r.Time))
	}
}

func timestamp(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// readCertificates takes care that no two series have the same labels, which would make all of them wrong: of two
// certificates that differ in nothing else the first counts, which ends first.
func readCertificates(s *admin.Status, emit emit) {
	seen := make(map[[4]string]bool, len(s.Certificates))
	for i := range s.Certificates {
		c := &s.Certificates[i]
		labels := [4]string{c.Role, c.Subject, c.Serial, label(c.Files[0])}
		if !seen[labels] {
			seen[labels] = true
			emit(timestamp(c.NotAfter), labels[:]...)
		}
	}
}

func readRevocationLists(s *admin.Status, emit emit) {
	seen := make(map[[2]string]bool, len(s.RevocationLists))
	for i := range s.RevocationLists {
		l := &s.RevocationLists[i]
		labels := [2]string{l.Issuer, label(l.File)}
		if !seen[labels] {
			seen[labels] = true
			emit(timestamp(l.NextUpdate), labels[:]...)
		}
	}
}

// label makes a path fit for a label, which is UTF-8.
func label(path string) string { return strings.ToValidUTF8(path, "\uFFFD") }
