package matrix

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// windows1252 are the characters of the bytes 0x80 to 0x9f, in which that encoding differs from Latin-1.
const windows1252 = "€\ufffd‚ƒ„…†‡ˆ‰Š‹Œ\ufffdŽ\ufffd\ufffd‘’“”•–—˜™š›œ\ufffdžŸ"

// decode returns the text of a file as spreadsheets write it, and what a reader has to know of how it was read.
func decode(data []byte) (text string, notes []string, err error) {
	switch {
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}):
		text, err = decode16(data[2:], binary.LittleEndian)
		return text, nil, err
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		text, err = decode16(data[2:], binary.BigEndian)
		return text, nil, err
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		return "", nil, errors.New("this is a workbook, or another archive, and no CSV")
	case bytes.IndexByte(data, 0) >= 0:
		return "", nil, errors.New("there are zero bytes in it, so this is no text, or UTF-16 without the mark that says so")
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if utf8.Valid(data) {
		return string(data), nil, nil
	}
	return decode8(data), []string{"The file is no UTF-8. It was read as Windows-1252 (Latin-1): look at the letters beyond a to z."}, nil
}

// decode16 reads UTF-16.
func decode16(data []byte, order binary.ByteOrder) (string, error) {
	if len(data)%2 != 0 {
		return "", errors.New("it begins like UTF-16 and has an odd number of bytes")
	}
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = order.Uint16(data[2*i:])
	}
	text := string(utf16.Decode(units))
	if strings.ContainsRune(text, 0) {
		return "", errors.New("there are zero characters in it")
	}
	return text, nil
}

// decode8 reads Windows-1252, of which Latin-1 is a part as far as text goes.
func decode8(data []byte) string {
	special := []rune(windows1252)
	var b strings.Builder
	b.Grow(len(data) + len(data)/8)
	for _, c := range data {
		if c >= 0x80 && c < 0xa0 {
			b.WriteRune(special[c-0x80])
			continue
		}
		b.WriteRune(rune(c))
	}
	return b.String()
}
