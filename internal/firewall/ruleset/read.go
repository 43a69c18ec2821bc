package ruleset

import (
	"bytes"
	"strings"
)

// Read reads what nft -j list ruleset, iptables-save or ip6tables-save printed, and recognises which by the content. The
// name is that of the file, for errors, which are of type [*Fault].
func Read(name string, data []byte) (*Ruleset, error) {
	start := firstLine(data)
	text := data[start:]
	switch {
	case bytes.HasPrefix(text, []byte("{")):
		return readNft(name, data, start)
	case bytes.HasPrefix(text, []byte("*")), len(text) == 0 && bytes.Contains(data, []byte("tables-save")):
		return readIptables(name, data)
	case bytes.HasPrefix(text, []byte("table ")):
		return nil, faultAt(name, data, int64(start), "this is what nft list ruleset prints for people", "write it with nft -j list ruleset")
	case len(text) == 0:
		return nil, faultAt(name, data, int64(len(data)), "there is nothing in it", howToWrite)
	default:
		return nil, faultAt(name, data, int64(start), "this is no ruleset: "+short(text), howToWrite)
	}
}

const howToWrite = "it is what nft -j list ruleset, iptables-save -c or ip6tables-save -c print"

// firstLine returns the offset of the first line that is no comment.
func firstLine(data []byte) int {
	at := 0
	for at < len(data) {
		line := data[at:]
		if end := bytes.IndexByte(line, '\n'); end >= 0 {
			line = line[:end+1]
		}
		trimmed := bytes.TrimLeft(line, " \t\r\n")
		if len(trimmed) > 0 && trimmed[0] != '#' {
			return at + len(line) - len(trimmed)
		}
		at += len(line)
	}
	return at
}

// short quotes the beginning of a line.
func short(text []byte) string {
	line, _, _ := strings.Cut(string(text[:min(len(text), 40)]), "\n")
	return `"` + plain(line) + `"`
}
