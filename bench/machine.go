package main

import (
	"os"
	"runtime"
	"strings"

	"sallyport/bench/pin"
	"sallyport/bench/report"
)

// machine says where the run takes place, as far as the system tells.
func machine(s *stage) report.Machine {
	return report.Machine{
		Processor: processor(),
		CPUs:      max(len(pin.Processors()), 1),
		Kernel:    kernel(),
		Go:        runtime.Version(),
		ProxyCPU:  s.proxyCPU,
		LoadCPU:   s.loadCPU,
	}
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.Join(strings.Fields(value), " ")
		}
	}
	return runtime.GOARCH
}

func kernel() string {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return runtime.GOOS
	}
	return "Linux " + strings.TrimSpace(string(release))
}
