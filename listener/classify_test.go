package listener

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"
)

// unhex reads hexadecimal with spaces.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatalf("bad fixture %q: %v", s, err)
	}
	return b
}

// classes are first messages, each with its class and after how many bytes it is known (0: it is not).
var classes = []struct {
	name  string
	hex   string
	want  Class
	after int
}{
	{"nothing", "", NeedMore, 0},
	{"one letter", "68", Plaintext, 1},
	{"three letters", "68 69 0a", Plaintext, 1},
	{"four letters", "51 55 49 54", Plaintext, 1},
	{"zero byte", "00", Plaintext, 1},
	{"TLS 1.0 record, TLS 1.2 hello", "16 03 01 00 c8 01 00 00 c4 03 03", TLS, 11},
	{"TLS 1.2 record", "16 03 03 00 c8 01 00 00 c4 03 03", TLS, 11},
	{"TLS 1.3 record version, as broken clients send", "16 03 04 00 c8 01 00 00 c4 03 03", TLS, 11},
	{"SSL 3.0 hello, for the handshake to refuse", "16 03 00 00 2d 01 00 00 29 03 00", TLS, 11},
	{"shortest hello", "16 03 01 00 2d 01 00 00 29 03 03", TLS, 11},
	{"largest record", "16 03 01 40 00 01 00 3f fc 03 03", TLS, 11},
	{"hello of 60000 bytes over several records", "16 03 01 40 00 01 00 ea 60 03 03", TLS, 11},
	{"hello of 128 KiB", "16 03 01 40 00 01 02 00 00 03 03", TLS, 11},
	{"first record of 4 bytes", "16 03 01 00 04 01 00 05 f0 16 03 01", TLS, 9},
	{"first record of 5 bytes", "16 03 01 00 05 01 00 05 f0 03 16 03", TLS, 10},
	{"first record of 6 bytes", "16 03 01 00 06 01 00 05 f0 03 03 16", TLS, 11},

	{"handshake type alone", "16", NeedMore, 0},
	{"two bytes", "16 03", NeedMore, 0},
	{"record header alone", "16 03 01 00 c8", NeedMore, 0},
	{"hello without its last looked-at byte", "16 03 01 00 c8 01 00 00 c4 03", NeedMore, 0},

	{"0x16 and no major version", "16 04", Plaintext, 2},
	{"0x16 and garbage", "16 ff ff ff", Plaintext, 2},
	{"Modbus transaction 0x1600", "16 00 00 00 00 06 01 03 00 00 00 01", Plaintext, 2},
	{"minor version 5", "16 03 05", Plaintext, 3},
	{"Modbus transaction 0x1603", "16 03 00 00 00 06 01 03 00 00 00 01", Plaintext, 5},
	{"record of 0 bytes", "16 03 01 00 00", Plaintext, 5},
	{"record of 3 bytes", "16 03 01 00 03", Plaintext, 5},
	{"record of 16385 bytes", "16 03 01 40 01", Plaintext, 5},
	{"record of 16640 bytes and more", "16 03 01 41", Plaintext, 4},
	{"MongoDB message of 790 bytes, request 1", "16 03 00 00 01 00 00 00 00 00 00 00 d4 07 00 00", Plaintext, 5},
	{"MongoDB message of 790 bytes, request 42", "16 03 00 00 2a 00 00 00 00 00 00 00 dd 07 00 00", Plaintext, 6},
	{"MongoDB message of 790 bytes, request 298", "16 03 00 00 2a 01 00 00 00 00 00 00 dd 07 00 00", Plaintext, 9},

	{"record with a server's hello", "16 03 01 00 c8 02", Broken, 6},
	{"record with garbage", "16 03 01 00 c8 ff ff ff ff ff ff", Broken, 6},
	{"SSL 3.0 record of 256 bytes with garbage", "16 03 00 01 00 ff", Broken, 6},
	{"hello of 40 bytes", "16 03 01 00 2c 01 00 00 28", Broken, 9},
	{"empty hello", "16 03 01 00 04 01 00 00 00", Broken, 9},
	{"hello over 128 KiB", "16 03 01 40 00 01 02 00 01", Broken, 9},
	{"hello of 16 MiB", "16 03 01 40 00 01 ff", Broken, 7},
	{"hello of version 2", "16 03 01 00 c8 01 00 00 c4 02", Broken, 10},
	{"DTLS version in a hello", "16 03 01 00 c8 01 00 00 c4 fe fd", Broken, 10},

	{"alert record", "15 03 01 00 02 02 28", Plaintext, 1},
	{"application data record", "17 03 03 00 20 00", Plaintext, 1},
	{"DTLS hello", "16 fe fd 00 00", Plaintext, 2},

	{"SSLv2 hello for SSL 2.0", "80 2e 01 00 02 00 15 00 00 00 10", SSLv2, 5},
	{"SSLv2 hello for TLS 1.0", "80 67 01 03 01 00 4e 00 00 00 10", SSLv2, 5},
	{"SSLv2 hello for TLS 1.2", "81 01 01 03 03 00 4e 00 00 00 10", SSLv2, 5},
	{"SSLv2 header alone", "80 2e", NeedMore, 0},
	{"SSLv2 header and type", "80 2e 01", NeedMore, 0},
	{"SSLv2 with another type", "80 2e 04", Plaintext, 3},
	{"SSLv2 with version 1", "80 2e 01 01", Plaintext, 4},
	{"SSLv2 with version 0.1", "80 2e 01 00 01", Plaintext, 5},
	{"SSLv2 with version 3.5", "80 2e 01 03 05", Plaintext, 5},
	{"SSLv2 of 8 bytes", "80 08", Plaintext, 2},
	{"SSLv2 of 4097 bytes", "90 01", Plaintext, 2},
	{"Telnet option", "ff fd 01", Plaintext, 1},
	{"UTF-8 text", "c3 a4 01 03 01", Plaintext, 1},
}

func TestClassify(t *testing.T) {
	for _, tt := range classes {
		t.Run(tt.name, func(t *testing.T) {
			b := unhex(t, tt.hex)
			if got := Classify(b); got != tt.want {
				t.Errorf("Classify(% x) = %v, want %v", b, got, tt.want)
			}
			if got := decidedAfter(b); got != tt.after {
				t.Errorf("% x is decided after %d bytes, want %d", b, got, tt.after)
			}
		})
	}
}

// decidedAfter returns how many bytes Classify needs; 0 if b is undecided.
func decidedAfter(b []byte) int {
	for n := range b {
		if Classify(b[:n+1]) != NeedMore {
			return n + 1
		}
	}
	return 0
}

func TestClassWords(t *testing.T) {
	for class, want := range map[Class]string{NeedMore: "need-more", TLS: "tls", Plaintext: "plaintext", Broken: "broken", SSLv2: "sslv2", 99: "unknown"} {
		if got := class.String(); got != want {
			t.Errorf("Class(%d) = %q, want %q", class, got, want)
		}
	}
}

// FuzzClassify: once decided, more bytes never change the class; it is decided within 11 bytes; and a
// slow and plain reference agrees.
func FuzzClassify(f *testing.F) {
	for _, tt := range classes {
		f.Add(unhex(f, tt.hex))
	}
	f.Add(clientHello(f, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		decided := NeedMore
		for n := 0; n <= min(len(b), 16); n++ {
			got := Classify(b[:n])
			if want := referenceClass(b[:n]); got != want {
				t.Fatalf("Classify(% x) = %v, the reference says %v", b[:n], got, want)
			}
			if decided != NeedMore && got != decided {
				t.Fatalf("Classify(% x) = %v, but it was %v with fewer bytes", b[:n], got, decided)
			}
			decided = got
		}
		if len(b) >= 11 && Classify(b) == NeedMore {
			t.Fatalf("% x is undecided", b[:11])
		}
		if Classify(b) != decided {
			t.Fatalf("Classify of all %d bytes = %v, of the first 16 %v", len(b), Classify(b), decided)
		}
	})
}

// referenceClass tries whether any continuation of b is a hello, position by position, from a
// list of what each complete field may be.
func referenceClass(b []byte) Class {
	some := func(width int, at int, ok func(uint32) bool) bool {
		if at >= len(b) {
			return true
		}
		have := b[at:min(len(b), at+width)]
		missing := width - len(have)
		for tail := range 1 << (8 * min(missing, 2)) {
			field := make([]byte, 4)
			copy(field[4-width:], have)
			binary.BigEndian.PutUint16(field[2:], binary.BigEndian.Uint16(field[2:])|uint16(tail))
			if ok(binary.BigEndian.Uint32(field)) {
				return true
			}
		}
		return false
	}
	record := some(1, 0, func(v uint32) bool { return v == 22 }) && some(1, 1, func(v uint32) bool { return v == 3 }) &&
		some(1, 2, func(v uint32) bool { return v < 5 }) && some(2, 3, func(v uint32) bool { return v > 3 && v < 16385 })
	v2 := some(2, 0, func(v uint32) bool { return v >= 0x8009 && v <= 0x9000 }) && some(1, 2, func(v uint32) bool { return v == 1 }) &&
		some(2, 3, func(v uint32) bool { return v == 2 || v >= 0x300 && v <= 0x304 })
	switch {
	case v2 && len(b) >= 5:
		return SSLv2
	case !record && !v2:
		return Plaintext
	case len(b) < 6:
		return NeedMore
	}
	end := 5 + int(binary.BigEndian.Uint16(b[3:]))
	hello := b[5] == 1 && some(3, 6, func(v uint32) bool { return v >= 41 && v <= 1<<17 }) &&
		(end < 10 || some(1, 9, func(v uint32) bool { return v == 3 }))
	switch {
	case hello && len(b) >= min(end, 11):
		return TLS
	case hello:
		return NeedMore
	case string(b[:4]) == "\x16\x03\x00\x00":
		return Plaintext
	default:
		return Broken
	}
}
