package config

import (
	"bytes"

	"sallyport/internal/config/document"
)

// Salvage is for files that [Load] can make nothing of, those that are not there included. It returns what can be
// read of [host] and [admin] in them, and the defaults for everything else: enough to find the program that was
// started with the file before it broke.
func Salvage(path string) *Config {
	data, _ := read(path, "")
	sound := []byte("#\n") // without anything in it, it would be no file
	for _, table := range tables(bytes.TrimPrefix(data, []byte("\ufeff"))) {
		if doc, _ := document.Parse(path, table); doc != nil && (heads(table, "[host]") || heads(table, "[admin]")) {
			sound = append(sound, table...)
		}
	}
	cfg, _ := Parse(path, sound)
	return cfg
}

// tables splits a file before each line that begins a table.
func tables(data []byte) [][]byte {
	var list [][]byte
	for line := range bytes.Lines(data) {
		if bytes.HasPrefix(bytes.TrimSpace(line), []byte("[")) || len(list) == 0 {
			list = append(list, nil)
		}
		last := &list[len(list)-1]
		*last = append(*last, line...)
	}
	return list
}

// heads reports whether a table is the one of a header.
func heads(table []byte, header string) bool {
	rest, found := bytes.CutPrefix(bytes.TrimSpace(table), []byte(header))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	line = bytes.TrimSpace(line)
	return found && (len(line) == 0 || line[0] == '#')
}
