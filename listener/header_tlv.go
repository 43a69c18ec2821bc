package listener

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// The TLVs of section 2.2 whose structure is fixed.
const (
	tlvCRC32C   = 0x03
	tlvUniqueID = 0x05
	tlvSSL      = 0x20

	maxUniqueID = 128
	sslFixed    = 5 // client bits and the result of verification, in front of the nested TLVs
)

var (
	errTLVTruncated = errors.New("TLVs do not fill the header exactly")
	errChecksum     = errors.New("CRC32C checksum does not match")
)

// checkTLVs verifies what go-proxyproto leaves unchecked: that the TLVs from offset start to the
// end of header are whole, and that a checksum among them is right.
func checkTLVs(header []byte, start int) error {
	return eachTLV(header[start:], func(kind byte, at int, value []byte) error {
		switch kind {
		case tlvCRC32C:
			return checkSum(header, start+at, value)
		case tlvUniqueID:
			if len(value) > maxUniqueID {
				return fmt.Errorf("unique id of %d bytes, at most %d", len(value), maxUniqueID)
			}
		case tlvSSL:
			return checkSSL(value)
		}
		return nil // unknown types are skipped, and so is padding
	})
}

// checkDiscarded verifies a header whose content is ignored. The layout of a block that
// names nobody is the sender's own affair, but a checksum that can be found in it must be
// right: a damaged PROXY header may read as a LOCAL one.
func checkDiscarded(header []byte) error {
	start := fixedV2 + addressLen(header[13])
	if start > len(header) {
		return nil
	}
	var wrong error
	if eachTLV(header[start:], func(kind byte, at int, value []byte) error {
		if kind == tlvCRC32C && wrong == nil {
			wrong = checkSum(header, start+at, value)
		}
		return nil
	}) != nil {
		return nil // no TLVs
	}
	return wrong
}

// checkSum compares the checksum at offset at with that of the header around it (section 2.2.3).
func checkSum(header []byte, at int, value []byte) error {
	if len(value) != crc32.Size {
		return fmt.Errorf("checksum of %d bytes, wants %d", len(value), crc32.Size)
	}
	castagnoli := crc32.MakeTable(crc32.Castagnoli) // made once, by hash/crc32
	sum := crc32.Update(0, castagnoli, header[:at])
	sum = crc32.Update(sum, castagnoli, make([]byte, crc32.Size))
	sum = crc32.Update(sum, castagnoli, header[at+crc32.Size:])
	if sum != binary.BigEndian.Uint32(value) {
		return errChecksum
	}
	return nil
}

// checkSSL verifies the frame of the nested TLVs (section 2.2.6).
func checkSSL(value []byte) error {
	if len(value) < sslFixed {
		return fmt.Errorf("SSL TLV of %d bytes, wants at least %d", len(value), sslFixed)
	}
	if err := eachTLV(value[sslFixed:], func(byte, int, []byte) error { return nil }); err != nil {
		return fmt.Errorf("SSL TLV: %w", err)
	}
	return nil
}

// eachTLV calls visit with type, offset of the value in b, and value of every TLV in b,
// until one fails or b is used up.
func eachTLV(b []byte, visit func(kind byte, at int, value []byte) error) error {
	for at := 0; at < len(b); {
		if len(b)-at < 3 {
			return errTLVTruncated
		}
		kind, size := b[at], int(binary.BigEndian.Uint16(b[at+1:]))
		at += 3
		if len(b)-at < size {
			return errTLVTruncated
		}
		if err := visit(kind, at, b[at:at+size]); err != nil {
			return err
		}
		at += size
	}
	return nil
}
