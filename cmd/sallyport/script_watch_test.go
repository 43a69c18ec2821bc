package main

import (
	"os"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"
)

// waitEcho waits until a line comes back through a port or, negated, until none does any more.
func waitEcho(ts *testscript.TestScript, neg bool, args []string) {
	var err error
	until(ts, "echo", func() bool {
		err = echoOnce(ts, args)
		return (err == nil) != neg
	})
}

// truncate cuts a file to so many bytes, in place.
func truncate(ts *testscript.TestScript, _ bool, args []string) {
	size, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), size))
}

// burst writes a file hundreds of times, turn by turn with the content of two others, and ends with that of the second.
func burst(ts *testscript.TestScript, _ bool, args []string) {
	times, err := strconv.Atoi(args[0])
	ts.Check(err)
	path := ts.MkAbs(args[1])
	first, err := os.ReadFile(ts.MkAbs(args[2]))
	ts.Check(err)
	second, err := os.ReadFile(ts.MkAbs(args[3]))
	ts.Check(err)
	for range times {
		ts.Check(os.WriteFile(path, first, 0o600))
		ts.Check(os.WriteFile(path+".next", second, 0o600))
		ts.Check(os.Rename(path+".next", path))
	}
}
