package certs

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
)

// block is a PEM block with the line that it begins at.
type block struct {
	*pem.Block
	line int
}

var (
	beginMark = []byte("-----BEGIN ")
	beginLine = []byte("\n-----BEGIN ")
	utf8BOM   = []byte("\xef\xbb\xbf")
)

// parsePEM returns all blocks of a file. Text around them is allowed, as openssl writes it; a block
// that is damaged is not, although encoding/pem would silently skip it.
func parsePEM(path string, data []byte) ([]block, *finding) {
	data = bytes.TrimPrefix(data, utf8BOM) // encoding/pem would miss the first block behind it
	var blocks []block
	line := 1
	for {
		start := nextBegin(data)
		if start < 0 {
			break
		}
		line += bytes.Count(data[:start], []byte("\n"))
		data = data[start:]
		b, rest := pem.Decode(data)
		consumed := data[:len(data)-len(rest)]
		if b == nil || nextBegin(consumed[len(beginMark):]) >= 0 {
			return nil, found("copy the whole block again, from its BEGIN line to its END line, without changing a character",
				"the PEM block at line %d is damaged", line)
		}
		blocks = append(blocks, block{b, line})
		line += bytes.Count(consumed, []byte("\n"))
		data = rest
	}
	if len(blocks) == 0 {
		return nil, notPEM(path, data)
	}
	return blocks, nil
}

// nextBegin returns the offset of the first BEGIN mark at the start of a line, or -1.
func nextBegin(data []byte) int {
	if bytes.HasPrefix(data, beginMark) {
		return 0
	}
	if i := bytes.Index(data, beginLine); i >= 0 {
		return i + 1
	}
	return -1
}

// contents lists block types for a message: `2 "CERTIFICATE", 1 "PRIVATE KEY"`.
func contents(blocks []block) string {
	var order []string
	count := map[string]int{}
	for _, b := range blocks {
		if count[b.Type] == 0 {
			order = append(order, b.Type)
		}
		count[b.Type]++
	}
	parts := make([]string, len(order))
	for i, kind := range order {
		parts[i] = fmt.Sprintf("%d %q", count[kind], cut(kind))
	}
	return strings.Join(parts, ", ")
}

// notPEM says what a file without PEM blocks is instead, and how to convert it.
func notPEM(path string, data []byte) *finding {
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		return found("save it as plain ASCII or UTF-8", "is UTF-16 text")
	case bytes.HasPrefix(data, []byte("\xfe\xed\xfe\xed")):
		return found(fmt.Sprintf("keytool -importkeystore -srckeystore %s -destkeystore %s.p12 -deststoretype pkcs12", path, path),
			"is a Java key store; PEM or PKCS#12 is needed")
	case !bytes.HasPrefix(data, []byte{0x30}):
		return found("a PEM file has lines like -----BEGIN CERTIFICATE-----", "contains no PEM block")
	}
	// DER: everything is a SEQUENCE, so try.
	if _, err := x509.ParseCertificate(data); err == nil {
		return found(fmt.Sprintf("openssl x509 -inform DER -in %s -out %s.pem", path, path), "is a DER certificate; PEM is needed")
	}
	if _, err := parseKeyDER(data); err == nil {
		return found(fmt.Sprintf("openssl pkey -inform DER -in %s -out %s.pem", path, path), "is a DER private key; PEM is needed")
	}
	// id-signedData of RFC 5652, as Windows exports chains (.p7b).
	if bytes.Contains(data[:min(len(data), 64)], []byte("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02")) {
		return found(fmt.Sprintf("openssl pkcs7 -inform DER -print_certs -in %s -out %s.pem", path, path),
			"is a PKCS#7 bundle; PEM is needed")
	}
	return found("a PKCS#12 file is recognised by its extension .p12 or .pfx; other binary files must be converted to PEM",
		"is binary; PEM is needed")
}

// cut bounds text that comes out of a file and is about to be shown.
func cut(text string) string {
	const limit = 64
	if len(text) > limit {
		return text[:limit] + "…"
	}
	return text
}
