package listener

import (
	"encoding/binary"
	"hash/crc32"
	"strings"

	"sallyport/policy"
)

// vector is a connection's first bytes and what the specification makes of them.
type vector struct {
	name   string
	header string
	// One of the two: why it is refused, or the ends that it names.
	reason policy.Reason
	ends   string // "source destination"; "socket" where it names none; "unix" for UNIX addresses
}

const (
	invalidHeader = policy.HeaderInvalid
	missingHeader = policy.HeaderMissing

	v4Ends  = "192.0.2.1:56324 198.51.100.2:443"
	v6Ends  = "[2001:db8::1]:56324 [2001:db8::2]:443"
	v4Block = "\xc0\x00\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb"
	v6Block = "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" +
		"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\xdc\x04\x01\xbb"
	longV6 = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
)

// v2 makes a version 2 header with the right length.
func v2(command, family byte, parts ...string) string {
	body := strings.Join(parts, "")
	return v2Announcing(command, family, len(body), body)
}

// v2Announcing makes one that announces length bytes.
func v2Announcing(command, family byte, length int, body string) string {
	head := append([]byte(signatureV2), command, family)
	return string(binary.BigEndian.AppendUint16(head, uint16(length))) + body
}

func tlv(kind byte, value string) string {
	return string(binary.BigEndian.AppendUint16([]byte{kind}, uint16(len(value)))) + value
}

// summed fills the checksum field, which is four zeros after its type and length, in a header.
func summed(header string) string {
	at := strings.Index(header, "\x03\x00\x04\x00\x00\x00\x00") + 3
	sum := crc32.Checksum([]byte(header), crc32.MakeTable(crc32.Castagnoli))
	return header[:at] + string(binary.BigEndian.AppendUint32(nil, sum)) + header[at+4:]
}

// flipped changes one bit of byte at.
func flipped(header string, at int) string {
	b := []byte(header)
	b[at] ^= 1
	return string(b)
}

const zeroSum = "\x03\x00\x04\x00\x00\x00\x00"

func unixBlock() string {
	return "/run/client" + strings.Repeat("\x00", 97) + "/run/server" + strings.Repeat("\x00", 97)
}

func v1Vectors() []vector {
	return []vector{
		{"TCP4", "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n", "", v4Ends},
		{"TCP4, longest", "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "", "255.255.255.255:65535 255.255.255.255:65535"},
		{"TCP4, shortest", "PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", "", "0.0.0.0:0 0.0.0.0:0"},
		{"TCP6", "PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n", "", v6Ends},
		{"TCP6, longest", "PROXY TCP6 " + longV6 + " " + longV6 + " 65535 65535\r\n", "", "[" + longV6 + "]:65535 [" + longV6 + "]:65535"},
		{"TCP6, shortest", "PROXY TCP6 :: :: 0 0\r\n", "", "[::]:0 [::]:0"},
		{"TCP6, upper case digits", "PROXY TCP6 2001:DB8::1 2001:DB8::2 56324 443\r\n", "", v6Ends},
		{"TCP6, embedded IPv4 is IPv4", "PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.2 56324 443\r\n", "", v4Ends},
		{"UNKNOWN", "PROXY UNKNOWN\r\n", "", "socket"},
		{"UNKNOWN with addresses", "PROXY UNKNOWN 192.0.2.1 198.51.100.2 56324 443\r\n", "", "socket"},
		{"UNKNOWN with anything", "PROXY UNKNOWN any thing, at  all\r\n", "", "socket"},
		{"UNKNOWN, worst case of 107 bytes", "PROXY UNKNOWN " + longV6 + " " + longV6 + " 65535 65535\r\n", "", "socket"},
		{"UNKNOWN with a lone carriage return", "PROXY UNKNOWN a\rb\r\n", "", "socket"},

		{"UNKNOWN of 108 bytes", "PROXY UNKNOWN  " + longV6 + " " + longV6 + " 65535 65535\r\n", invalidHeader, ""},
		{"no end within 107 bytes", "PROXY UNKNOWN " + strings.Repeat("x", 200), invalidHeader, ""},
		{"ended by LF", "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\n", invalidHeader, ""},
		{"ended by CR", "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r", invalidHeader, ""},
		{"ended by LF CR", "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\n\r", invalidHeader, ""},
		{"LF inside UNKNOWN", "PROXY UNKNOWN a\nb\r\n", invalidHeader, ""},
		{"cut", "PROXY TCP4 192.0.2.1 198.51", invalidHeader, ""},
		{"signature only", "PROXY", invalidHeader, ""},
		{"part of the signature", "PRO", invalidHeader, ""},
		{"empty line", "PROXY \r\n", invalidHeader, ""},
		{"no space after PROXY", "PROXYTCP4 192.0.2.1 198.51.100.2 56324 443\r\n", invalidHeader, ""},
		{"line ends after PROXY", "PROXY\r\n", invalidHeader, ""},
		{"tab after PROXY", "PROXY\tTCP4 192.0.2.1 198.51.100.2 56324 443\r\n", invalidHeader, ""},
		{"two spaces after PROXY", "PROXY  TCP4 192.0.2.1 198.51.100.2 56324 443\r\n", invalidHeader, ""},
		{"two spaces between addresses", "PROXY TCP4 192.0.2.1  198.51.100.2 56324 443\r\n", invalidHeader, ""},
		{"space before the end", "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443 \r\n", invalidHeader, ""},
		{"one field more", "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443 1\r\n", invalidHeader, ""},
		{"no ports", "PROXY TCP4 192.0.2.1 198.51.100.2\r\n", invalidHeader, ""},
		{"one port", "PROXY TCP4 192.0.2.1 198.51.100.2 56324\r\n", invalidHeader, ""},
		{"keyword only", "PROXY TCP4\r\n", invalidHeader, ""},
		{"lower-case keyword", "PROXY tcp4 192.0.2.1 198.51.100.2 56324 443\r\n", invalidHeader, ""},
		{"keyword TCP", "PROXY TCP 192.0.2.1 198.51.100.2 56324 443\r\n", invalidHeader, ""},
		{"keyword TCP5", "PROXY TCP5 192.0.2.1 198.51.100.2 56324 443\r\n", invalidHeader, ""},
		{"keyword UDP4", "PROXY UDP4 192.0.2.1 198.51.100.2 56324 443\r\n", invalidHeader, ""},
		{"keyword UNKNOWNS", "PROXY UNKNOWNS\r\n", invalidHeader, ""},
		{"keyword unknown", "PROXY unknown\r\n", invalidHeader, ""},
		{"TCP4 with IPv6", "PROXY TCP4 2001:db8::1 2001:db8::2 56324 443\r\n", invalidHeader, ""},
		{"TCP6 with IPv4", "PROXY TCP6 192.0.2.1 198.51.100.2 56324 443\r\n", invalidHeader, ""},
		{"TCP4 with embedded IPv4", "PROXY TCP4 ::ffff:192.0.2.1 ::ffff:198.51.100.2 56324 443\r\n", invalidHeader, ""},
		{"TCP4 with one IPv6", "PROXY TCP4 192.0.2.1 2001:db8::2 56324 443\r\n", invalidHeader, ""},
		{"byte over 255", "PROXY TCP4 192.0.2.256 198.51.100.2 56324 443\r\n", invalidHeader, ""},
		{"three bytes", "PROXY TCP4 192.0.2 198.51.100.2 56324 443\r\n", invalidHeader, ""},
		{"leading zero in an address", "PROXY TCP4 192.0.02.1 198.51.100.2 56324 443\r\n", invalidHeader, ""},
		{"host name", "PROXY TCP4 localhost 198.51.100.2 56324 443\r\n", invalidHeader, ""},
		{"zone", "PROXY TCP6 fe80::1%eth0 2001:db8::2 56324 443\r\n", invalidHeader, ""},
		{"brackets", "PROXY TCP6 [2001:db8::1] [2001:db8::2] 56324 443\r\n", invalidHeader, ""},
		{"nine groups", "PROXY TCP6 1:2:3:4:5:6:7:8:9 2001:db8::2 56324 443\r\n", invalidHeader, ""},
		{"port over 65535", "PROXY TCP4 192.0.2.1 198.51.100.2 65536 443\r\n", invalidHeader, ""},
		{"leading zero in a port", "PROXY TCP4 192.0.2.1 198.51.100.2 056324 443\r\n", invalidHeader, ""},
		{"signed port", "PROXY TCP4 192.0.2.1 198.51.100.2 +56324 443\r\n", invalidHeader, ""},
		{"negative port", "PROXY TCP4 192.0.2.1 198.51.100.2 -1 443\r\n", invalidHeader, ""},
		{"hexadecimal port", "PROXY TCP4 192.0.2.1 198.51.100.2 0xdc04 443\r\n", invalidHeader, ""},
		{"port name", "PROXY TCP4 192.0.2.1 198.51.100.2 56324 https\r\n", invalidHeader, ""},
		{"zero byte in an address", "PROXY TCP4 192.0.2.1\x00 198.51.100.2 56324 443\r\n", invalidHeader, ""},

		{"lower-case proxy", "proxy TCP4 192.0.2.1 198.51.100.2 56324 443\r\n", missingHeader, ""},
		{"HTTP", "GET / HTTP/1.1\r\n\r\n", missingHeader, ""},
		{"HTTP method that begins alike", "PROPFIND / HTTP/1.1\r\n\r\n", missingHeader, ""},
		{"a byte in front", " PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n", missingHeader, ""},
		{"a line in front", "\r\nPROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n", missingHeader, ""},
		{"TLS", "\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03", missingHeader, ""},
		{"nothing", "", missingHeader, ""},
	}
}

func v2Vectors() []vector {
	return []vector{
		{"TCP over IPv4", v2(0x21, 0x11, v4Block), "", v4Ends},
		{"TCP over IPv6", v2(0x21, 0x21, v6Block), "", v6Ends},
		{"IPv6 with embedded IPv4", v2(0x21, 0x21, "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff"+v4Block[:4], "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff"+v4Block[4:]), "", v4Ends},
		{"UNIX stream", v2(0x21, 0x31, unixBlock()), "", "unix"},
		{"PROXY, unspecified", v2(0x21, 0x00), "", "socket"},
		{"PROXY, unspecified, with a block", v2(0x21, 0x00, v4Block), "", "socket"},
		{"PROXY, unspecified family of a stream", v2(0x21, 0x01), "", "socket"},
		{"PROXY, IPv4 of an unspecified transport", v2(0x21, 0x10, v4Block), "", "socket"},
		{"LOCAL", v2(0x20, 0x00), "", "socket"},
		{"LOCAL with IPv4 addresses", v2(0x20, 0x11, v4Block), "", "socket"},
		{"LOCAL with IPv4 and no addresses", v2(0x20, 0x11), "", "socket"},
		{"LOCAL with a block of some layout", v2(0x20, 0x00, "anything at all"), "", "socket"},
		{"LOCAL with an unassigned family", v2(0x20, 0x45, "abc"), "", "socket"},
		{"LOCAL with a datagram family", v2(0x20, 0x12, v4Block), "", "socket"},
		{"LOCAL with TLVs", v2(0x20, 0x00, tlv(0x05, "health check")), "", "socket"},
		{"LOCAL of the greatest length", v2(0x20, 0x00, strings.Repeat("x", 65535)), "", "socket"},
		{"LOCAL with a right checksum", summed(v2(0x20, 0x00, zeroSum)), "", "socket"},
		{"ALPN", v2(0x21, 0x11, v4Block, tlv(0x01, "h2")), "", v4Ends},
		{"authority", v2(0x21, 0x11, v4Block, tlv(0x02, "example.com")), "", v4Ends},
		{"name space", v2(0x21, 0x11, v4Block, tlv(0x30, "blue")), "", v4Ends},
		{"padding", v2(0x21, 0x11, v4Block, tlv(0x04, "\x00\x00\x00\x00\x00")), "", v4Ends},
		{"padding of nothing", v2(0x21, 0x11, v4Block, tlv(0x04, "")), "", v4Ends},
		{"unknown type", v2(0x21, 0x11, v4Block, tlv(0xea, "aws")), "", v4Ends},
		{"unique id", v2(0x21, 0x11, v4Block, tlv(0x05, strings.Repeat("u", 128))), "", v4Ends},
		{"SSL without nested TLVs", v2(0x21, 0x11, v4Block, tlv(0x20, "\x01\x00\x00\x00\x00")), "", v4Ends},
		{"SSL with version and name", v2(0x21, 0x11, v4Block, tlv(0x20, "\x07\x00\x00\x00\x00"+tlv(0x21, "TLSv1.3")+tlv(0x22, "client"))), "", v4Ends},
		{"checksum", summed(v2(0x21, 0x11, v4Block, zeroSum)), "", v4Ends},
		{"checksum between other TLVs", summed(v2(0x21, 0x21, v6Block, tlv(0x02, "example.com"), zeroSum, tlv(0x04, "pad"))), "", v6Ends},
		{"header of 65535 bytes behind the fixed part", v2(0x21, 0x11, v4Block, tlv(0x04, strings.Repeat("\x00", 65535-12-3))), "", v4Ends},
		{"checksum of a long header", summed(v2(0x21, 0x11, v4Block, zeroSum, tlv(0xe0, strings.Repeat("x", 9000)))), "", v4Ends},

		{"wrong checksum", v2(0x21, 0x11, v4Block, tlv(0x03, "\x01\x02\x03\x04")), invalidHeader, ""},
		{"address damaged under a checksum", flipped(summed(v2(0x21, 0x11, v4Block, zeroSum)), 16), invalidHeader, ""},
		{"port damaged under a checksum", flipped(summed(v2(0x21, 0x11, v4Block, zeroSum)), 25), invalidHeader, ""},
		{"PROXY damaged to LOCAL under a checksum", flipped(summed(v2(0x21, 0x11, v4Block, zeroSum)), 12), invalidHeader, ""},
		{"checksum of three bytes", v2(0x21, 0x11, v4Block, tlv(0x03, "\x00\x00\x00")), invalidHeader, ""},
		{"checksum of five bytes", v2(0x21, 0x11, v4Block, tlv(0x03, "\x00\x00\x00\x00\x00")), invalidHeader, ""},
		{"two checksums", summed(v2(0x21, 0x11, v4Block, zeroSum, tlv(0x03, "\x00\x00\x00\x00"))), invalidHeader, ""},
		{"unique id of 129 bytes", v2(0x21, 0x11, v4Block, tlv(0x05, strings.Repeat("u", 129))), invalidHeader, ""},
		{"one byte behind the addresses", v2(0x21, 0x11, v4Block, "\x04"), invalidHeader, ""},
		{"TLV without a length", v2(0x21, 0x11, v4Block, "\x04\x00"), invalidHeader, ""},
		{"TLV beyond the header", v2(0x21, 0x11, v4Block, "\x04\x00\x05abcd"), invalidHeader, ""},
		{"bytes behind the last TLV", v2(0x21, 0x11, v4Block, tlv(0x02, "a"), "\x00"), invalidHeader, ""},
		{"SSL of four bytes", v2(0x21, 0x11, v4Block, tlv(0x20, "\x01\x00\x00\x00")), invalidHeader, ""},
		{"SSL of no bytes", v2(0x21, 0x11, v4Block, tlv(0x20, "")), invalidHeader, ""},
		{"nested TLV beyond SSL", v2(0x21, 0x11, v4Block, tlv(0x20, "\x01\x00\x00\x00\x00\x21\x00\x09TLSv1.3")), invalidHeader, ""},
		{"bytes behind the last nested TLV", v2(0x21, 0x11, v4Block, tlv(0x20, "\x01\x00\x00\x00\x00"+tlv(0x21, "TLSv1.3")+"\x22")), invalidHeader, ""},
		{"version 1", v2(0x11, 0x11, v4Block), invalidHeader, ""},
		{"version 3", v2(0x31, 0x11, v4Block), invalidHeader, ""},
		{"version 0", v2(0x01, 0x11, v4Block), invalidHeader, ""},
		{"command 2", v2(0x22, 0x11, v4Block), invalidHeader, ""},
		{"command 15", v2(0x2f, 0x11, v4Block), invalidHeader, ""},
		{"family 4", v2(0x21, 0x41, v4Block), invalidHeader, ""},
		{"family 15", v2(0x21, 0xf1, v4Block), invalidHeader, ""},
		{"transport 3", v2(0x21, 0x13, v4Block), invalidHeader, ""},
		{"transport 15", v2(0x21, 0x1f, v4Block), invalidHeader, ""},
		{"UDP over IPv4", v2(0x21, 0x12, v4Block), invalidHeader, ""},
		{"UDP over IPv6", v2(0x21, 0x22, v6Block), invalidHeader, ""},
		{"UNIX datagram", v2(0x21, 0x32, unixBlock()), invalidHeader, ""},
		{"IPv4 without addresses", v2(0x21, 0x11), invalidHeader, ""},
		{"IPv4 in 11 bytes", v2(0x21, 0x11, v4Block[:11]), invalidHeader, ""},
		{"IPv6 in 35 bytes", v2(0x21, 0x21, v6Block[:35]), invalidHeader, ""},
		{"IPv6 with an IPv4 block", v2(0x21, 0x21, v4Block), invalidHeader, ""},
		{"UNIX in 215 bytes", v2(0x21, 0x31, unixBlock()[:215]), invalidHeader, ""},
		{"cut in the fixed part", v2(0x21, 0x11, v4Block)[:14], invalidHeader, ""},
		{"cut in the addresses", v2(0x21, 0x11, v4Block)[:20], invalidHeader, ""},
		{"cut in the TLVs", v2Announcing(0x21, 0x11, 12+8, v4Block+tlv(0x02, "a")), invalidHeader, ""},
		{"cut in LOCAL", v2Announcing(0x20, 0x00, 10, "abc"), invalidHeader, ""},
		{"signature only", signatureV2, invalidHeader, ""},
		{"part of the signature", signatureV2[:4], invalidHeader, ""},

		{"damaged signature", "\r\n\r\n\x00\r\nQUIX\n\x21\x11\x00\x0c" + v4Block, missingHeader, ""},
		{"signature without its zero byte", "\r\n\r\n\r\nQUIT\n\x21\x11\x00\x0c" + v4Block, missingHeader, ""},
		{"a byte in front", "\x00" + v2(0x21, 0x11, v4Block), missingHeader, ""},
		{"empty lines", "\r\n\r\nEHLO", missingHeader, ""},
	}
}
