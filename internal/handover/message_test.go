package handover

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
)

func TestKinds(t *testing.T) {
	seen := make(map[string]bool)
	for k := kindHello; k <= kindAbort; k++ {
		if seen[k.String()] {
			t.Errorf("%s twice", k)
		}
		seen[k.String()] = true
	}
	if got := kind(77).String(); got != "kind 77" {
		t.Errorf("unknown kind is %q", got)
	}
}

// drip returns a source that yields a few bytes at a time and then ends.
func drip(data []byte) source {
	r := bytes.NewReader(data)
	return func(b []byte) (int, []*os.File, error) {
		n, err := r.Read(b[:min(len(b), 3)])
		return n, nil, err
	}
}

// FuzzReadMessage holds that whatever is read as a message would be written with the same bytes, and that nothing
// behind it is touched.
func FuzzReadMessage(f *testing.F) {
	for k := kindHello; k <= kindAbort; k++ {
		message, err := encode(k, []byte(`{"reason":"x"}`))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(k), message)
	}
	f.Add(byte(kindTake), []byte("SH\x01\x04\x00\x00\x00\x00"))
	f.Add(byte(kindTake), []byte("SH\x02\x08\x00\x00\x00\x02{}"))
	f.Add(byte(kindTake), []byte("SH\x01\x04\xff\xff\xff\xff"))
	f.Add(byte(kindTake), []byte("GET / HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, want byte, data []byte) {
		payload, files, err := readMessage(drip(data), kind(want))
		if len(files) > 0 {
			t.Fatal("descriptors out of nothing")
		}
		if err != nil {
			if payload != nil {
				t.Fatal("a payload beside an error")
			}
			if errors.Is(err, io.EOF) {
				t.Fatal("the end of the other process is not told as such")
			}
			return
		}
		again, err := encode(kind(want), payload)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(data, again) {
			t.Errorf("%q was read as %q", data, again)
		}
	})
}

// FuzzSockets holds that labels are given to descriptors one to one, or not at all.
func FuzzSockets(f *testing.F) {
	f.Add([]byte(`[{"name":"a"},{"name":"b","foreign":true}]`), byte(2))
	f.Add([]byte(`[]`), byte(0))
	f.Add([]byte(`{"name":"a"}`), byte(1))
	f.Fuzz(func(t *testing.T, payload []byte, n byte) {
		files := make([]*os.File, n)
		sockets, err := match(payload, files)
		if err == nil && len(sockets) != len(files) {
			t.Errorf("%d sockets of %d descriptors", len(sockets), len(files))
		}
	})
}
