package main

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// tcpSocket is a line of the kernel's table of TCP sockets, /proc/net/tcp or tcp6 (proc_pid_net(5)).
type tcpSocket struct {
	local, remote netip.AddrPort
	state         tcpState
	uid           uint32
	inode         uint64 // 0: no process has it any more
}

// tcpState is a state of RFC 9293 as Linux numbers it.
type tcpState uint8

const (
	tcpEstablished tcpState = iota + 1
	tcpSynSent
	tcpSynReceived
	tcpFinWait1
	tcpFinWait2
	tcpTimeWait
	tcpClose
	tcpCloseWait
	tcpLastAck
	tcpListen
	tcpClosing
	tcpNewSynReceived // a connection that a listener has not seen yet
)

// String returns the name that ss and netstat use.
func (s tcpState) String() string {
	names := [...]string{"ESTABLISHED", "SYN-SENT", "SYN-RECEIVED", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "CLOSED",
		"CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING", "SYN-RECEIVED"}
	if s == 0 || int(s) > len(names) {
		return fmt.Sprintf("state %d", uint8(s))
	}
	return names[s-1]
}

// parseTCPTable reads the whole table, its heading included.
func parseTCPTable(text []byte) ([]tcpSocket, error) {
	var all []tcpSocket
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		if number == 1 {
			continue // the heading
		}
		socket, err := parseTCPLine(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		all = append(all, socket)
	}
	return all, nil
}

func parseTCPLine(line string) (tcpSocket, error) {
	fields := strings.Fields(line)
	if len(fields) < 10 {
		return tcpSocket{}, fmt.Errorf("%d fields are too few", len(fields))
	}
	local, err := parseTCPAddress(fields[1])
	remote, err2 := parseTCPAddress(fields[2])
	state, err3 := strconv.ParseUint(fields[3], 16, 8)
	uid, err4 := strconv.ParseUint(fields[7], 10, 32)
	inode, err5 := strconv.ParseUint(fields[9], 10, 64)
	if err := errors.Join(err, err2, err3, err4, err5); err != nil {
		return tcpSocket{}, err
	}
	return tcpSocket{local, remote, tcpState(state), uint32(uid), inode}, nil
}

// parseTCPAddress reads ADDRESS:PORT in hexadecimal, the address as words of 32 bits in the order of the machine.
func parseTCPAddress(text string) (netip.AddrPort, error) {
	host, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(host)
	number, err2 := strconv.ParseUint(port, 16, 16)
	if err != nil || err2 != nil || len(raw) != 4 && len(raw) != 16 {
		return netip.AddrPort{}, fmt.Errorf("%q is not an address", text)
	}
	for word := range len(raw) / 4 {
		at := raw[4*word:]
		binary.NativeEndian.PutUint32(at, binary.BigEndian.Uint32(at))
	}
	addr, _ := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(addr.Unmap(), uint16(number)), nil
}
