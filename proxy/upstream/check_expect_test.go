package upstream

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// pieces is a stream that arrives in pieces and then ends with an error.
type pieces struct {
	data []byte
	size int // of a piece
	end  error
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.data) == 0 {
		return 0, p.end
	}
	n := copy(b, p.data[:min(p.size, len(p.data))])
	p.data = p.data[n:]
	return n, nil
}

// FuzzReadExpected: what is said of an answer is what the expression says of everything that had arrived, whenever
// something did.
func FuzzReadExpected(f *testing.F) {
	f.Add(`^\+PONG\r\n`, []byte("+PONG\r\n"), uint16(1), true)
	f.Add(`(?m)^ready$`, []byte("loading\nready"), uint16(3), true)
	f.Add(`ö\b`, []byte("schön ö"), uint16(1), false)
	f.Add(`^$`, []byte(""), uint16(1), true)
	f.Add(`[^\x00]end$`, append(make([]byte, longestAnswer-3), "end and more"...), uint16(50000), true)
	f.Fuzz(func(t *testing.T, expression string, data []byte, size uint16, ends bool) {
		pattern, err := regexp.Compile(expression)
		if err != nil || len(expression) > 40 || size == 0 || len(data)*(1+len(data)/int(size)) > 1<<18 {
			return // the rest takes long and says nothing else
		}
		stream := &pieces{data: data, size: int(size), end: io.EOF}
		if !ends {
			stream.end = errors.New("reset")
		}
		got, err := readExpected(&witness{t: t, pattern: pattern, from: stream}, pattern)
		if !bytes.HasPrefix(data, got) || len(got) > longestAnswer {
			t.Fatalf("%d bytes were read that are not the beginning of the stream", len(got))
		}
		switch matches := pattern.Match(got); {
		case err == nil && !matches:
			t.Errorf("%#q is said to match %q", pattern, got)
		case err != nil && matches && len(got) > 0:
			t.Errorf("%#q is said not to match %q", pattern, got)
		case err == errLongAnswer && len(got) != longestAnswer:
			t.Errorf("%d bytes are too long", len(got))
		case err != nil && err != errLongAnswer && err != stream.end:
			t.Errorf("the error is %v", err)
		case err == io.EOF && len(got) != len(data):
			t.Errorf("the end was met after %d of %d bytes", len(got), len(data))
		}
	})
}

// witness fails a test in which more is read behind a match.
type witness struct {
	t       *testing.T
	pattern *regexp.Regexp
	from    io.Reader
	seen    []byte
}

func (w *witness) Read(b []byte) (int, error) {
	if len(w.seen) > 0 && w.pattern.Match(w.seen) {
		w.t.Errorf("more is waited for than %q, which matches", w.seen)
	}
	n, err := w.from.Read(b)
	w.seen = append(w.seen, b[:n]...)
	return n, err
}

// TestReadExpectedTruncated: a TLS stream without close_notify has ended like any other.
func TestReadExpectedTruncated(t *testing.T) {
	stream := &pieces{data: []byte("+PO"), size: 2, end: io.ErrUnexpectedEOF}
	if got, err := readExpected(stream, pong); string(got) != "+PO" || err != io.EOF {
		t.Errorf("got %q and %v", got, err)
	}
}

func TestExcerpt(t *testing.T) {
	for _, tt := range []struct{ name, answer, want string }{
		{"nothing", "", "nothing"},
		{"line", "+PONG\r\n", `"+PONG\r\n"`},
		{"letters", "grüß", `"grüß"`},
		{"tricks", "\x1b[2J\u202e\u009b\xff\x00", `"\x1b[2J\u202e\u009b\xff\x00"`},
		{"as long as may be", strings.Repeat("x", longestExcerpt), `"` + strings.Repeat("x", longestExcerpt) + `"`},
		{"too long", strings.Repeat("x", longestExcerpt+1), fmt.Sprintf(`"%s"... (%d bytes)`, strings.Repeat("x", longestExcerpt), longestExcerpt+1)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := excerpt([]byte(tt.answer)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestPrintable: a server's part in an error plays no tricks, and the error is still what it was.
func TestPrintable(t *testing.T) {
	cause := errors.New("name \u202eevil\x1b[2J\n" + strings.Repeat("x", 10000))
	err := printable{cause}
	text := err.Error()
	if !strings.HasPrefix(text, "name \ufffdevil\ufffd[2J\ufffdxxx") || !strings.HasSuffix(text, "x...") || len(text) > 2*longestError {
		t.Errorf("the text is %q", text)
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r != utf8.RuneError && !unicode.IsPrint(r) }) {
		t.Errorf("not everything shows in %q", text)
	}
	if !errors.Is(err, cause) {
		t.Error("the cause is lost")
	}
}
