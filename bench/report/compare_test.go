package report

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// scaled multiplies the values of one contestant's metric.
func scaled(run *Run, workload, contestant string, m Metric, by float64) *Run {
	for _, s := range run.Samples {
		if s.Workload == workload && s.Contestant == contestant {
			s.Values[m] *= by
		}
	}
	return run
}

func TestRegressions(t *testing.T) {
	tests := map[string]struct {
		now  *Run
		want []string
	}{
		"nothing changed":          {exampleRun(), nil},
		"much slower":              {scaled(exampleRun(), "handshake-ecdsa", "sallyport", ProxyCPU, 1.2), []string{"handshake-ecdsa, sallyport, proxy CPU"}},
		"with more to do":          {scaled(exampleRun(), "log", "sallyport access log", ProxyCPU, 1.2), []string{"log, sallyport access log, proxy CPU"}},
		"less than the threshold":  {scaled(exampleRun(), "handshake-ecdsa", "sallyport", ProxyCPU, 1.045), nil},
		"within the noise":         {scaled(exampleRun(), "handshake-ecdsa", "sallyport", ProxyCPU, 1.01), nil},
		"faster":                   {scaled(exampleRun(), "handshake-ecdsa", "sallyport", ProxyCPU, .5), nil},
		"less of what is good":     {scaled(exampleRun(), "handshake-ecdsa", "sallyport", Rate, .5), []string{"handshake-ecdsa, sallyport, rate"}},
		"more of what is good":     {scaled(exampleRun(), "handshake-ecdsa", "sallyport", Rate, 2), nil},
		"a peer's":                 {scaled(exampleRun(), "handshake-ecdsa", "haproxy", ProxyCPU, 2), nil},
		"the noise of the machine": {scaled(exampleRun(), "handshake-ecdsa", "sallyport", Noise, 50), nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, c := range Compare(exampleRun(), test.now).Regressions(.05) {
				got = append(got, c.Name())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("regressions (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCompareText(t *testing.T) {
	old, now := exampleRun(), scaled(exampleRun(), "handshake-ecdsa", "sallyport", ProxyCPU, 1.2)
	scaled(now, "bulk-down", "sallyport", Syscalls, .5)
	scaled(now, "handshake-ecdsa", "haproxy", ProxyCPU, 1.01)
	now.Samples = now.Samples[:len(now.Samples)-4] // the idle ones and the failed one
	var out strings.Builder
	if err := CompareText(&out, old, Compare(old, now), true); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"compared with: side by side, 2026-07-01 12:00, 3 rounds of 2s\n",
		"worse beyond the noise:\n  handshake-ecdsa, sallyport, proxy CPU          +20.0 %  367 µs/session, was 306 µs/session (ranges apart)\n",
		"better beyond the noise:\n  bulk-down, sallyport, system calls             -50.0 %  18.4/MiB, was 36.7/MiB (ranges apart)\n",
		"  handshake-ecdsa, haproxy, proxy CPU             +1.0 %  330 µs/session, was 326 µs/session (ranges overlap)\n",
		"only in the old run: idle, sallyport, memory: not part of this run\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}

func TestCertain(t *testing.T) {
	tests := map[string]struct {
		before, after []float64
		want          bool
		why           string
	}{
		"one round each":       {[]float64{1}, []float64{2}, false, "too few rounds"},
		"three, apart":         {[]float64{1, 2, 3}, []float64{4, 5, 6}, true, "ranges apart"},
		"three, overlapping":   {[]float64{1, 2, 4}, []float64{3, 5, 6}, false, "ranges overlap"},
		"five, apart":          {[]float64{1, 2, 3, 4, 5}, []float64{6, 7, 8, 9, 10}, true, "p = 0.008"},
		"five, one in between": {[]float64{1, 2, 3, 4, 7}, []float64{6, 8, 9, 10, 11}, true, "p = 0.016"},
		"five, mixed":          {[]float64{1, 4, 3, 8, 7}, []float64{2, 5, 6, 10, 9}, false, "p = 0.421"},
		"the same":             {[]float64{1, 1, 1, 1}, []float64{1, 1, 1, 1}, false, "p = 1.000"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, why := certain(summarise(test.before), summarise(test.after))
			if got != test.want || why != test.why {
				t.Errorf("certain = %t, %s; want %t, %s", got, why, test.want, test.why)
			}
		})
	}
}

func TestOrders(t *testing.T) {
	tests := map[string]struct {
		n, m int
		want []float64
	}{
		"none":          {0, 3, []float64{1}},
		"one and one":   {1, 1, []float64{1, 1}},
		"one and three": {1, 3, []float64{1, 1, 1, 1}},
		"two and two":   {2, 2, []float64{1, 1, 2, 1, 1}},
		"two and three": {2, 3, []float64{1, 1, 2, 2, 2, 1, 1}},
		"three and two": {3, 2, []float64{1, 1, 2, 2, 2, 1, 1}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, orders(test.n, test.m)); diff != "" {
				t.Errorf("orders (-want +got):\n%s", diff)
			}
		})
	}
}
