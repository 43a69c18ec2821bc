package meter

import "os"

// BusyCPU returns how long a processor has been busy since the machine was started, in steps of 10 ms.
func BusyCPU(cpu int) (Busy, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return Busy{}, err
	}
	return parseBusy(string(text), cpu)
}

// LoadAverage returns the machine's, of the last minute.
func LoadAverage() (float64, error) {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0, err
	}
	return parseLoad(string(text))
}
