package main

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const tcpHeading = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"

// kernelAddress writes an address as the kernel does.
func kernelAddress(a netip.AddrPort) string {
	raw := a.Addr().AsSlice()
	for word := range len(raw) / 4 {
		binary.BigEndian.PutUint32(raw[4*word:], binary.NativeEndian.Uint32(raw[4*word:]))
	}
	return fmt.Sprintf("%X:%04X", raw, a.Port())
}

func kernelLine(s tcpSocket) string {
	return fmt.Sprintf("   0: %s %s %02X 00000000:00000000 00:00000000 00000000 %5d        0 %d 1 00000000c30f786d 100 0 0 10 0\n",
		kernelAddress(s.local), kernelAddress(s.remote), uint8(s.state), s.uid, s.inode)
}

func TestParseTCPTable(t *testing.T) {
	want := []tcpSocket{
		{netip.MustParseAddrPort("10.2.0.5:20001"), netip.MustParseAddrPort("192.0.2.1:2021"), tcpEstablished, 998, 4711},
		{netip.MustParseAddrPort("0.0.0.0:20002"), netip.MustParseAddrPort("0.0.0.0:0"), tcpListen, 0, 1 << 40},
		{netip.MustParseAddrPort("[2001:db8::5]:20003"), netip.MustParseAddrPort("[2001:db8::1]:2021"), tcpTimeWait, 0, 0},
	}
	text := tcpHeading
	for _, s := range want {
		text += kernelLine(s)
	}
	got, err := parseTCPTable([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(tcpSocket{}), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Errorf("sockets (-want +got):\n%s", diff)
	}
	for _, line := range []string{"x\n", strings.Replace(kernelLine(want[0]), " 01 ", " 0z ", 1), "0: 01:1 0:1 01 0 0 0 0 0 0\n"} {
		if got, err := parseTCPTable([]byte(tcpHeading + line)); err == nil {
			t.Errorf("%q: no error but %v", line, got)
		}
	}
}

func TestTCPStates(t *testing.T) {
	for state, want := range map[tcpState]string{0: "state 0", tcpEstablished: "ESTABLISHED", tcpListen: "LISTEN", tcpTimeWait: "TIME-WAIT", tcpNewSynReceived: "SYN-RECEIVED", 13: "state 13"} {
		if got := state.String(); got != want {
			t.Errorf("%d is %s, want %s", uint8(state), got, want)
		}
	}
}

// FuzzParseTCPTable holds what was read against the same written anew.
func FuzzParseTCPTable(f *testing.F) {
	f.Add(tcpHeading + kernelLine(tcpSocket{netip.MustParseAddrPort("10.2.0.5:20001"), netip.MustParseAddrPort("192.0.2.1:2021"), tcpEstablished, 998, 4711}))
	f.Add(tcpHeading + "\n")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		sockets, err := parseTCPTable([]byte(text))
		if err != nil {
			return
		}
		written := tcpHeading
		for _, s := range sockets {
			written += kernelLine(s)
		}
		again, err := parseTCPTable([]byte(written))
		if err != nil || len(again) != len(sockets) {
			t.Fatalf("%d sockets, %d when written and read again: %v", len(sockets), len(again), err)
		}
		for i := range again {
			if again[i] != sockets[i] {
				t.Errorf("%+v is %+v when written and read again", sockets[i], again[i])
			}
		}
	})
}
