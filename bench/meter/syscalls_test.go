package meter

import (
	"bufio"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseCalls(t *testing.T) {
	const head = "% time     seconds  usecs/call     calls    errors syscall\n------ ----------- ----------- --------- --------- ----------------\n"
	tests := []struct {
		name, table string
		want        Calls
		problem     string
	}{
		{
			"with errors and without",
			head + " 60.00    0.000300           2       120        11 read\n 40.00    0.000200           4        41           write\n" +
				"------ ----------- ----------- --------- --------- ----------------\n100.00    0.000500           3       161        11 total\n",
			Calls{"read": 120, "write": 41}, "",
		},
		{"nothing happened", head + "100.00    0.000000           0         0           total\n", Calls{}, ""},
		{"lines are missing", head + "100.00    0.000500           3       161        11 total\n", nil, "strace says that 0 calls are 161 in all"},
		{"no total", head + " 60.00    0.000300           2       120        11 read\n", nil, "strace's table has no total"},
		{"empty", "", nil, "strace's table has no total"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseCalls([]byte(tt.table))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			problem := ""
			if err != nil {
				problem = err.Error()
			}
			if problem != tt.problem {
				t.Errorf("error %q, want %q", problem, tt.problem)
			}
		})
	}
}

func TestAttached(t *testing.T) {
	tests := []struct {
		name, said string
		processes  int
		problem    string
	}{
		{"one", "strace: Process 7 attached\n", 1, ""},
		{"two, one with threads", "strace: Process 7 attached with 5 threads\nstrace: Process 8 attached\n", 2, ""},
		{"one of two", "strace: Process 7 attached\n", 2, "strace does not attach: "},
		{"not allowed", "strace: attach: ptrace(PTRACE_SEIZE, 7): Operation not permitted\n", 1, "strace does not attach: strace: attach: ptrace(PTRACE_SEIZE, 7): Operation not permitted"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			problem := ""
			if err := attached(bufio.NewReader(strings.NewReader(tt.said)), tt.processes); err != nil {
				problem = err.Error()
			}
			if problem != tt.problem {
				t.Errorf("error %q, want %q", problem, tt.problem)
			}
		})
	}
}
