package backend

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// connect returns the client's end of a connection that is answered, and what comes of that.
func connect(t *testing.T) (net.Conn, <-chan error) {
	t.Helper()
	client, server := net.Pipe()
	outcome := make(chan error, 1)
	go func() {
		outcome <- answer(server)
		server.Close()
	}()
	t.Cleanup(func() { client.Close() })
	return client, outcome
}

func TestOneOrderAfterTheOther(t *testing.T) {
	t.Parallel()
	const size = step + period + 5
	conn, outcome := connect(t)
	buf := make([]byte, 1000)
	for range 2 {
		conn.Write(Order{Kind: Down, Bytes: size}.Append(nil))
		if err := Check(conn, size, buf); err != nil {
			t.Fatal(err)
		}
		conn.Write(Order{Kind: Up, Bytes: size}.Append(nil))
		if err := Send(conn, size); err != nil {
			t.Fatal(err)
		}
		receipt := make([]byte, ReceiptSize)
		if _, err := io.ReadFull(conn, receipt); err != nil || binary.BigEndian.Uint64(receipt) != size {
			t.Fatalf("receipt %x, %v; want %d", receipt, err, size)
		}
	}
	conn.Write(append(Order{Kind: Echo}.Append(nil), "hello"...))
	answer := make([]byte, 5)
	if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "hello" {
		t.Errorf("echo %q, %v", answer, err)
	}
	conn.Close()
	if err := <-outcome; err != nil {
		t.Errorf("complains: %v", err)
	}
}

func TestComplaints(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		sent []byte
		want string // empty: nothing
	}{
		"only connected":      {nil, ""},
		"half an order":       {[]byte{byte(Down), 0}, "order: unexpected EOF"},
		"unknown kind":        {Order{Kind: 'x'}.Append(nil), `order of unknown kind 'x'`},
		"wrong bytes":         {append(Order{Kind: Up, Bytes: 4}.Append(nil), "oops"...), "upload: wrong bytes between offset 0 and 4"},
		"too few bytes":       {append(Order{Kind: Up, Bytes: 4}.Append(nil), Piece(0, 3)...), "upload: after 3 of 4 bytes: EOF"},
		"echo that goes away": {Order{Kind: Echo}.Append(nil), ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, outcome := connect(t)
			conn.Write(test.sent)
			conn.Close()
			text := ""
			if err := <-outcome; err != nil {
				text = err.Error()
			}
			if diff := cmp.Diff(test.want, text); diff != "" {
				t.Errorf("complaint (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCheckNoticesEveryByte(t *testing.T) {
	t.Parallel()
	const size = 2*period + 100
	var whole bytes.Buffer
	if err := Send(&whole, size); err != nil {
		t.Fatal(err)
	}
	if whole.Len() != size {
		t.Fatalf("sent %d bytes, want %d", whole.Len(), size)
	}
	tests := map[string]struct {
		change func([]byte) []byte
		want   string
	}{
		"untouched":        {func(b []byte) []byte { return b }, ""},
		"first byte":       {func(b []byte) []byte { b[0] ^= 1; return b }, "wrong bytes"},
		"last byte":        {func(b []byte) []byte { b[size-1] ^= 128; return b }, "wrong bytes"},
		"lost byte":        {func(b []byte) []byte { return append(b[:5000], b[5001:]...) }, "wrong bytes"},
		"doubled 64 KiB":   {func(b []byte) []byte { return append(b[:1<<16], b...) }, "wrong bytes"},
		"ends too early":   {func(b []byte) []byte { return b[:size-1] }, "after 131141 of 131142 bytes: EOF"},
		"a lost 32 KiB":    {func(b []byte) []byte { return append(b[:1000], b[1000+32<<10:]...) }, "wrong bytes"},
		"more than wanted": {func(b []byte) []byte { return append(b, 1) }, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := test.change(bytes.Clone(whole.Bytes()))
			err := Check(bytes.NewReader(b), size, make([]byte, 4096))
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
