package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"

	"sallyport/policy"
)

// longestAnswer is how much of an answer is looked at.
const longestAnswer = 64 << 10

var errLongAnswer = errors.New("the answer is too long")

// readExpected reads until what has been read matches. Otherwise it returns an error, and what has been read: the
// error of reading, io.EOF if the stream ended, or errLongAnswer.
//
// The whole is matched again whenever something arrives: an expression can look both ways, so that nothing less says the
// same. While it is matched, what arrives collects, and is then read at once.
func readExpected(r io.Reader, pattern *regexp.Regexp) ([]byte, error) {
	var got []byte
	for {
		got = slices.Grow(got, 512)
		n, err := r.Read(got[len(got):min(cap(got), longestAnswer)])
		got = got[:len(got)+n]
		if err == io.ErrUnexpectedEOF { // TLS without close_notify; who did expect more is told so anyway
			err = io.EOF
		}
		switch {
		case (n > 0 || err == io.EOF) && pattern.Match(got):
			return got, nil
		case err != nil:
			return got, err
		case len(got) >= longestAnswer:
			return got, errLongAnswer
		}
	}
}

// disappointed says what was expected and what came instead.
func disappointed(ctx context.Context, pattern *regexp.Regexp, got []byte, err error) error {
	text := fmt.Sprintf("expected an answer that matches %#q, got %s", pattern, excerpt(got))
	switch {
	case err == errLongAnswer:
		return fmt.Errorf("%s: nothing in its first %d bytes matches", text, longestAnswer)
	case err == io.EOF:
		return fmt.Errorf("%s and then the end of the connection", text)
	case ctx.Err() != nil:
		return policy.Refuse(policy.UpstreamTimeout, fmt.Errorf("%s and no more in time: %w", text, ctx.Err()))
	default:
		return fmt.Errorf("%s and then %w", text, printable{err})
	}
}
