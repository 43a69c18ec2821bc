// Package suggest turns the session log into rules: a [Survey] reads the records of sessions that the policy
// would have denied, and its [Draft] is the policy file that allows them.
//
// A log is hostile input. Peers choose some of the text in it, and who can write into a log file chooses
// all of it. So nothing from a log gets into a policy file but what is valid there by the rules of package
// policy, and comments, where it is quoted.
package suggest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"time"

	"sallyport/policy"
)

// Survey collects what a log says. Its fields are set before the first Read. It is not safe for
// concurrent use.
type Survey struct {
	// Policy is the policy in force with the ports of the configuration: sessions that it allows by now
	// are left out, as are those on ports that it does not know. With nil the log alone counts.
	Policy *policy.Set

	// Denied makes sessions count that were denied, not only those that audit mode let through.
	Denied bool

	// Now is when Policy is asked.
	Now time.Time

	// Most bounds the different combinations of a source address, a port and what was spoken that are
	// kept, and so the memory; 0 means 50,000. Records beyond it are counted as left out.
	Most int

	cells      map[place]*cell
	ports      map[string]*policy.Port // of Policy, by name; made when first needed
	printed    []fingerprinted         // clients of Policy; likewise
	lines      int
	records    int
	used       int
	suppressed int
	omitted    [causes]omission
}

const (
	defaultMost = 50_000

	// A line that is longer is skipped. The longest records that sallyport writes are shorter, also when
	// they are wrapped in a record of the journal or a container's log.
	longestLine = 256 << 10
)

// Read reads a log to its end; one that was compressed with gzip is decompressed. What cannot be
// used is counted, so an error is one of reading.
func (s *Survey) Read(r io.Reader) error {
	lines := bufio.NewReaderSize(r, longestLine)
	if magic, err := lines.Peek(2); err == nil && bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		unpacked, err := gzip.NewReader(lines)
		if err != nil {
			return err
		}
		lines = bufio.NewReaderSize(unpacked, longestLine)
	}
	for {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			s.lines++
			s.omit(lineTooLong)
			if err = skipLine(lines); err == nil {
				continue
			}
			line = nil
		}
		if len(line) > 0 {
			s.add(line)
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

// skipLine reads the rest of a line.
func skipLine(r *bufio.Reader) error {
	for {
		if _, err := r.ReadSlice('\n'); !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

// add takes one line into account.
func (s *Survey) add(line []byte) {
	s.lines++
	fields, kind := parseLine(line)
	switch kind {
	case brokenRecord:
		s.omit(recordBroken)
		return
	case foreignRecord:
		s.omit(recordForeign)
		return
	case noRecord:
		return
	}
	s.records++
	session, why, example := s.understand(fields)
	if why == nothing {
		why, example = s.judge(&session)
	}
	if why == nothing {
		why = s.enter(&session)
	}
	if why != nothing {
		s.omit(why, example)
		return
	}
	s.used++
}
