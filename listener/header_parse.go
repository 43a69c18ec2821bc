package listener

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/pires/go-proxyproto"
)

// ends are the two ends that a PROXY header names, unmapped; both are invalid when
// it names UNIX sockets.
type ends struct{ source, destination netip.AddrPort }

// parseHeader returns the ends that a complete header names, nil when it names none: LOCAL,
// UNKNOWN, or an unspecified family. The header was measured before.
func parseHeader(header []byte) (*ends, error) {
	if header[0] == signatureV1[0] {
		return parseAddresses(header)
	}
	family, block := header[13], header[fixedV2:]
	if header[12] == commandLocal || unspecified(family) {
		return nil, checkDiscarded(header)
	}
	size := addressLen(family)
	if err := checkTLVs(header, fixedV2+size); err != nil {
		return nil, err
	}
	// The library takes no header over 4 KiB. It needs only the addresses, so it is
	// shown a header that ends with them.
	head := slices.Concat(header[:fixedV2], block[:size])
	binary.BigEndian.PutUint16(head[14:], uint16(size))
	return parseAddresses(head)
}

// parseAddresses lets the library read a header whose frame is known to be complete.
func parseAddresses(header []byte) (*ends, error) {
	// The buffer holds every line and address block: the library gives up on one that
	// does not arrive in a single read.
	parsed, err := proxyproto.Read(bufio.NewReaderSize(bytes.NewReader(header), fixedV2+2*108))
	if err != nil {
		return nil, err
	}
	if parsed.Command.IsLocal() {
		return nil, nil // version 1 UNKNOWN
	}
	if parsed.TransportProtocol.IsUnix() {
		return &ends{}, nil
	}
	named := &ends{}
	for _, end := range []struct {
		addr net.Addr
		into *netip.AddrPort
	}{{parsed.SourceAddr, &named.source}, {parsed.DestinationAddr, &named.destination}} {
		*end.into = addrPort(end.addr)
		if !end.into.IsValid() {
			return nil, fmt.Errorf("header names no usable address: %v", end.addr)
		}
	}
	return named, nil
}
