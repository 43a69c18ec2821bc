package meter

import (
	"os"
	"os/exec"
	"slices"
	"testing"
)

func TestTree(t *testing.T) {
	child := exec.Command(os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), "BENCH_TEST_WAIT=1")
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	tree := Tree{PID: os.Getpid()}
	pids, err := tree.PIDs()
	if err != nil || !slices.Contains(pids, os.Getpid()) || !slices.Contains(pids, child.Process.Pid) {
		t.Errorf("processes = %v, %v; want %d and %d in it", pids, err, os.Getpid(), child.Process.Pid)
	}
	reading, err := tree.Read()
	if err != nil || reading.CPU <= 0 || reading.Memory.Pss <= 0 || reading.Memory.RSS <= 0 || reading.Memory.Peak < reading.Memory.RSS/2 {
		t.Errorf("reading = %+v, %v", reading, err)
	}
	in.Close()
	if err := child.Wait(); err != nil {
		t.Error(err)
	}
	if _, err := (Tree{PID: child.Process.Pid}).CPU(); err == nil {
		t.Error("a process that is gone has a processor time")
	}
}

func TestMachine(t *testing.T) {
	if busy, err := BusyCPU(0); err != nil || busy.Used <= 0 {
		t.Errorf("BusyCPU = %+v, %v", busy, err)
	}
	if load, err := LoadAverage(); err != nil || load < 0 {
		t.Errorf("LoadAverage = %v, %v", load, err)
	}
}

func TestMain(m *testing.M) {
	if os.Getenv("BENCH_TEST_WAIT") != "" {
		os.Stdin.Read(make([]byte, 1)) // until the parent closes it
		os.Exit(0)
	}
	os.Exit(m.Run())
}
