package main

import (
	"fmt"
	"io"
	"os"

	"sallyport/internal/config/document"
)

// How many bytes are read of what others wrote. Rulesets take some forty times their size in memory, and no firewall loads larger ones
// in reasonable time; a larger matrix makes a draft that is no policy file any more.
const (
	largestRuleset = 64 << 20
	largestMatrix  = document.MaxSize
)

// readInput reads a file, or standard input if the path is -, and refuses what is larger than most bytes. The name is for errors.
func readInput(path, name string, stdin io.Reader, most int64) ([]byte, error) {
	if path == standardInput {
		return readUpTo(most, stdin, name)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readUpTo(most, file, name)
}

// readUpTo reads everything, and refuses what is larger than most bytes. What has no end is refused, too.
func readUpTo(most int64, from io.Reader, name string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(from, most+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	case int64(len(data)) > most:
		return nil, fmt.Errorf("%s: it is larger than %d MiB\n  hint: is this the right file?", name, most>>20)
	default:
		return data, nil
	}
}
