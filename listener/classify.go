package listener

// Class is what the first bytes of a connection are.
type Class uint8

const (
	NeedMore  Class = iota // still undecided: every byte so far could begin a hello
	TLS                    // a ClientHello
	Plaintext              // never was TLS
	Broken                 // begins as a TLS record and is no ClientHello
	SSLv2                  // an SSLv2-style ClientHello
)

// String returns the word used in logs.
func (c Class) String() string {
	switch c {
	case NeedMore:
		return "need-more"
	case TLS:
		return "tls"
	case Plaintext:
		return "plaintext"
	case Broken:
		return "broken"
	case SSLv2:
		return "sslv2"
	default:
		return "unknown"
	}
}

const (
	recordHeaderLen = 5
	helloLookLen    = 6 // bytes of the hello that are looked at: type, length, major version, minor version

	typeHandshake   = 0x16
	typeClientHello = 0x01

	// A record shorter than a handshake header is legal but sent by nobody, and
	// Modbus and MongoDB frames would pass for one.
	minRecord = 4
	maxRecord = 16384 // RFC 8446 section 5.1

	// version 2, random 32, empty session id 1, one cipher suite 2+2, one compression method 1+1
	minHello = 41
	// A hello may span records. The largest ones in use carry tickets and several key
	// shares and stay under 20 KiB; crypto/tls takes none over 64 KiB.
	maxHello = 128 << 10
)

// Classify tells TLS from plaintext by the first bytes of a connection.
//
// It decides at the first byte that leaves one answer, and more bytes never change an
// answer that was given. At most 11 bytes are looked at:
//
//	bytes   a ClientHello has                     otherwise
//	0       0x16, handshake record                plaintext (a set high bit: see below)
//	1       0x03                                  plaintext
//	2       0 to 4                                plaintext
//	3-4     record length, 4 to 16384             plaintext
//	5       0x01, ClientHello                     broken
//	6-8     its length, 41 to 131072              broken
//	9-10    version 0x03xx                        broken
//
// What violates the record header was never TLS. A valid record header with something
// else behind it is a broken hello, and treating that as plaintext would let whoever
// can damage a hello take the encryption away. Bytes that lie outside a first record
// of 4 or 5 bytes belong to the next record and are not looked at.
//
// There is one exception: `16 03 00 00`, a record of SSL 3.0 under 256 bytes, also begins
// a MongoDB message of 790 bytes and Modbus transaction 0x1603. No client that could
// be served sends such a record version, so what does not go on as a hello after these
// four bytes is plaintext.
//
// An SSLv2-style hello has a two-byte header with the high bit set, the type 1, and
// version 0x0002 or 0x0300 to 0x0304. Its length is taken as 9 to 4096, the most that
// any server ever accepted; everything else that begins with a high bit is plaintext.
func Classify(b []byte) Class {
	switch {
	case len(b) == 0:
		return NeedMore
	case b[0]&0x80 != 0:
		return classifySSLv2(b)
	case !mayBeRecord(b):
		return Plaintext
	case len(b) <= recordHeaderLen:
		return NeedMore
	}
	look := min(helloLookLen, int(b[3])<<8|int(b[4]))
	hello := b[recordHeaderLen:min(len(b), recordHeaderLen+look)]
	switch {
	case mayBeHello(hello) && len(hello) == look:
		return TLS
	case mayBeHello(hello):
		return NeedMore
	case b[2] == 0 && b[3] == 0:
		return Plaintext
	default:
		return Broken
	}
}

// mayBeRecord reports whether the first five bytes, as far as they are there, begin a handshake record.
func mayBeRecord(b []byte) bool {
	switch {
	case b[0] != typeHandshake:
		return false
	case len(b) > 1 && b[1] != 0x03:
		return false
	case len(b) > 2 && b[2] > 0x04:
		return false
	default:
		return len(b) <= 3 || mayBeWithin(b[3:min(len(b), 5)], 2, minRecord, maxRecord)
	}
}

// mayBeHello reports whether h, as far as it is there, begins a ClientHello.
func mayBeHello(h []byte) bool {
	switch {
	case h[0] != typeClientHello:
		return false
	case len(h) > 1 && !mayBeWithin(h[1:min(len(h), 4)], 3, minHello, maxHello):
		return false
	default:
		return len(h) <= 4 || h[4] == 0x03
	}
}

// classifySSLv2 decides on bytes of which the first has its high bit set.
func classifySSLv2(b []byte) Class {
	length := []byte{b[0] & 0x7f}
	if len(b) > 1 {
		length = append(length, b[1])
	}
	switch {
	case !mayBeWithin(length, 2, 9, 4096):
		return Plaintext
	case len(b) > 2 && b[2] != typeClientHello:
		return Plaintext
	case len(b) > 3 && b[3] != 0x00 && b[3] != 0x03:
		return Plaintext
	case len(b) < 5:
		return NeedMore
	case b[3] == 0x00 && b[4] == 0x02, b[3] == 0x03 && b[4] <= 0x04:
		return SSLv2
	default:
		return Plaintext
	}
}

// mayBeWithin reports whether a big-endian number of width bytes that begins with b can lie in lowest…highest.
func mayBeWithin(b []byte, width, lowest, highest int) bool {
	least, most := 0, 0
	for i := range width {
		least, most = least<<8, most<<8|0xff
		if i < len(b) {
			least, most = least|int(b[i]), most&^0xff|int(b[i])
		}
	}
	return most >= lowest && least <= highest
}
