package listener

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"sallyport/policy"
)

// The PROXY protocol is specified in HAProxy's proxy-protocol.txt; sections named
// in this package are of that document.
const (
	signatureV1 = "PROXY"
	signatureV2 = "\r\n\r\n\x00\r\nQUIT\n"

	maxHeaderV1 = 107 // section 2.1, the worst case including CRLF
	fixedV2     = 16  // signature, version and command, family, length

	commandLocal = 0x20
	commandProxy = 0x21
)

// measureHeader returns the length of the PROXY header that b begins with, or 0 while more
// bytes are needed. It fails, as a [*policy.Refusal], at the first byte that rules a valid
// header out: the specification wants an early end so that the sender notices.
func measureHeader(b []byte) (int, error) {
	switch {
	case len(b) == 0:
		return 0, nil
	case begins(b, signatureV1):
		return measureV1(b)
	case begins(b, signatureV2):
		return measureV2(b)
	default:
		return 0, policy.Refuse(policy.HeaderMissing, fmt.Errorf("first bytes %s", excerpt(b)))
	}
}

// begins reports whether b and text agree as far as both go.
func begins(b []byte, text string) bool {
	n := min(len(b), len(text))
	return string(b[:n]) == text[:n]
}

func measureV1(b []byte) (int, error) {
	if !begins(b, signatureV1+" ") {
		return 0, invalid("no space after PROXY")
	}
	line := b[:min(len(b), maxHeaderV1)]
	switch end := bytes.IndexByte(line, '\n'); {
	case end >= 0 && line[end-1] != '\r': // the signature stands in front of any line feed
		return 0, invalid("line feed without carriage return")
	case end >= 0:
		return end + 1, nil
	case len(line) == maxHeaderV1:
		return 0, invalid("no end of line within %d bytes", maxHeaderV1)
	default:
		return 0, nil
	}
}

func measureV2(b []byte) (int, error) {
	if len(b) > 12 && b[12] != commandLocal && b[12] != commandProxy {
		return 0, invalid("version and command %#02x", b[12])
	}
	// The family of a LOCAL header is ignored, whatever it is (section 2.2).
	relayed := len(b) > 13 && b[12] == commandProxy
	if relayed {
		if err := checkFamily(b[13]); err != nil {
			return 0, err
		}
	}
	if len(b) < fixedV2 {
		return 0, nil
	}
	length := int(binary.BigEndian.Uint16(b[14:]))
	if need := addressLen(b[13]); relayed && length < need {
		return 0, invalid("%d bytes cannot hold the addresses of family %#02x, which take %d", length, b[13], need)
	}
	if len(b) < fixedV2+length {
		return 0, nil
	}
	return fixedV2 + length, nil
}

// checkFamily refuses families and transports that version 2 does not define, and
// datagrams: what a TCP connection relays is a stream.
func checkFamily(family byte) error {
	switch transport := family & 0x0f; {
	case family>>4 > 3:
		return invalid("unassigned address family %#02x", family)
	case transport > 2:
		return invalid("unassigned transport protocol %#02x", family)
	case transport == 2:
		return invalid("datagram transport %#02x on a stream", family)
	default:
		return nil
	}
}

// unspecified reports whether a family byte that checkFamily let pass names no addresses:
// the receiver may then use the socket's (section 2.2).
func unspecified(family byte) bool { return family>>4 == 0 || family&0x0f == 0 }

// addressLen is the length of the address block that a family byte asks for.
func addressLen(family byte) int {
	if unspecified(family) {
		return 0
	}
	switch family >> 4 {
	case 1:
		return 2*4 + 2*2
	case 2:
		return 2*16 + 2*2
	case 3:
		return 2 * 108
	default:
		return 0
	}
}

func invalid(format string, args ...any) error {
	return policy.Refuse(policy.HeaderInvalid, fmt.Errorf(format, args...))
}
