package main

import (
	"crypto/tls"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sallyport/bench/load"
	"sallyport/bench/report"
	"sallyport/bench/subject"
)

// required are the workloads of issue 6.
func required() []string {
	return []string{
		"handshake-ecdsa", "handshake-rsa", "handshake-hybrid", "resumed", "mutual-tls",
		"bulk-down", "bulk-up", "pingpong-1", "pingpong-64", "pingpong-1000",
		"start", "idle-quick", "idle-16k", "idle-1k", "burst-5000", "plaintext-short", "plaintext-bulk",
		"detect", "policy", "features", "processors", "reload", "slow", "paced", "flood",
	}
}

func TestWorkloadsAreComplete(t *testing.T) {
	t.Parallel()
	var names, quick []string
	for _, w := range workloads() {
		names = append(names, w.Name)
		if w.runs(true) {
			quick = append(quick, w.Name)
		}
		processAlone := w.Name == "start"
		if w.Title == "" || w.Unit == "" || w.job.Kind == "" || w.task.Mode == "" || !processAlone && (w.job.Connections == 0 || w.job.Message == 0) {
			t.Errorf("%s is incomplete: %+v", w.Name, w)
		}
		if w.memory != (w.job.Kind == load.Idle) {
			t.Errorf("%s: memory is %t for a job of kind %s", w.Name, w.memory, w.job.Kind)
		}
		if w.runs(false) == (w.Name == "idle-quick") {
			t.Errorf("%s: runs without -quick is %t", w.Name, w.runs(false))
		}
	}
	if diff := cmp.Diff(required(), names); diff != "" {
		t.Errorf("workloads (-want +got):\n%s", diff)
	}
	want := []string{"handshake-ecdsa", "resumed", "bulk-down", "bulk-up", "pingpong-64", "idle-quick", "plaintext-short", "plaintext-bulk"}
	if diff := cmp.Diff(want, quick); diff != "" {
		t.Errorf("quick run (-want +got):\n%s", diff)
	}
}

// TestGoalsAreOfWorkloads checks that no goal waits for something that is never measured.
func TestGoalsAreOfWorkloads(t *testing.T) {
	t.Parallel()
	peers := []subject.Subject{subject.HAProxy{}}
	contestants := make(map[string][]string)
	for _, w := range workloads() {
		for _, c := range w.contestants(subject.Sallyport{}, peers) {
			contestants[w.Name] = append(contestants[w.Name], c.name)
		}
	}
	for _, g := range goals() {
		all := contestants[g.Workload]
		if !slices.Contains(all, g.Contestant) {
			t.Errorf("%s: nobody called %q does %q", g.Title, g.Contestant, g.Workload)
		}
		if (g.AtMost > 0) == (g.AtLeast > 0) {
			t.Errorf("%s: one bound is wanted", g.Title)
		}
		known := []string{"", report.BestPeer, "nginx"}
		if !slices.Contains(known, g.Against) && !slices.Contains(all, g.Against) {
			t.Errorf("%s: nobody called %q does %q", g.Title, g.Against, g.Workload)
		}
		if strings.HasPrefix(g.Contestant, ours+" ") && g.Against == report.BestPeer {
			t.Errorf("%s: peers do not take part in variants", g.Title)
		}
	}
}

func TestWithin(t *testing.T) {
	t.Parallel()
	w := workload{Workload: report.Workload{Title: "10,000 idle"}, job: load.Job{Connections: 10_000}}
	if got := w.within(10_000); got.Title != w.Title || got.job.Connections != 10_000 {
		t.Errorf("with enough room: %d, %q", got.job.Connections, got.Title)
	}
	got := w.within(9850)
	if want := "10,000 idle (here 9850: descriptors are limited)"; got.Title != want || got.job.Connections != 9850 {
		t.Errorf("got %d, %q; want %q", got.job.Connections, got.Title, want)
	}
}

func TestJobsExpectWhatTasksOffer(t *testing.T) {
	t.Parallel()
	keys := subject.Keys{CA: "ca", Client: subject.Pair{Certificate: "crt", Key: "key"}}
	plain := load.Security{
		CA: "ca", ServerName: subject.ServerName,
		Version: tls.VersionTLS13, Cipher: tls.TLS_AES_128_GCM_SHA256, Group: uint16(tls.X25519), Signer: "ECDSA",
	}
	tests := map[string]struct {
		workload workload
		change   func(*load.Security)
	}{
		"secure":      {workload{task: subject.Task{Mode: subject.Secure}}, func(*load.Security) {}},
		"auto-detect": {workload{task: subject.Task{Mode: subject.AutoDetect}}, func(*load.Security) {}},
		"RSA":         {workload{task: subject.Task{Mode: subject.Secure, RSA: true}}, func(s *load.Security) { s.Signer = "RSA" }},
		"hybrid": {
			workload{task: subject.Task{Mode: subject.Secure, Hybrid: true}},
			func(s *load.Security) { s.Group = uint16(tls.X25519MLKEM768) },
		},
		"client certificate": {
			workload{task: subject.Task{Mode: subject.Secure, ClientAuth: true}},
			func(s *load.Security) { s.Certificate, s.Key = "crt", "key" },
		},
		"resumed": {workload{task: subject.Task{Mode: subject.Secure}, resume: true}, func(s *load.Security) { s.Resume = true }},
	}
	for name, test := range tests {
		want := plain
		test.change(&want)
		got := test.workload.jobFor(contestant{task: test.workload.task}, "127.0.0.1:1", keys, time.Second)
		if diff := cmp.Diff(load.Job{Address: "127.0.0.1:1", Duration: time.Second, Security: &want}, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	w := workload{task: subject.Task{Mode: subject.Plaintext}}
	if job := w.jobFor(contestant{task: w.task}, "", keys, 0); job.Security != nil {
		t.Errorf("plaintext: TLS is expected: %+v", job.Security)
	}
}
