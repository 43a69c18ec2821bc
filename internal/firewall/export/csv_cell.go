package export

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// writeCell writes a cell of a line, in quotes if it needs them. Other separators than the comma count as well: spreadsheets of half
// the world take the semicolon.
func writeCell(b *bytes.Buffer, index int, text string) {
	if index > 0 {
		b.WriteByte(',')
	}
	if !strings.ContainsAny(text, ",;\t\r\n\"") && text == strings.TrimSpace(text) {
		b.WriteString(text)
		return
	}
	b.WriteByte('"')
	b.WriteString(strings.ReplaceAll(text, `"`, `""`))
	b.WriteByte('"')
}

// guarded returns text with an apostrophe in front of what a spreadsheet would take for a formula. A file that is opened with another
// separator than its own has a cell begin wherever that one stands, and at each line break, so it is done there, too.
func guarded(text string) string {
	cell := eachPiece(text, func(piece string) string {
		if needsGuard(piece) {
			return "'" + piece
		}
		return piece
	})
	if beginsBlank(cell) {
		return "'" + cell
	}
	return cell
}

// unguarded undoes guarded. An apostrophe that a spreadsheet has swallowed is not missed.
func unguarded(cell string) string {
	if bare, has := strings.CutPrefix(cell, "'"); has && beginsBlank(bare) {
		cell = bare
	}
	return eachPiece(cell, func(piece string) string {
		if bare, has := strings.CutPrefix(piece, "'"); has && needsGuard(bare) {
			return bare
		}
		return piece
	})
}

// beginsBlank reports whether a cell begins with a tab or the end of a line, which some spreadsheets skip.
func beginsBlank(cell string) bool {
	return cell != "" && strings.ContainsRune("\t\r\n", rune(cell[0]))
}

// needsGuard reports whether a cell could be taken for a formula, or for one that is guarded.
func needsGuard(cell string) bool {
	first, _ := utf8.DecodeRuneInString(cell)
	if first == '\'' || first != utf8.RuneError && unicode.IsControl(first) {
		return true
	}
	// Spreadsheets may trim what they read, and take the full-width forms for the others.
	first, _ = utf8.DecodeRuneInString(strings.TrimLeftFunc(cell, unicode.IsSpace))
	return strings.ContainsRune("=+-@\uff1d\uff0b\uff0d\uff20", first)
}

const otherSeparators = ";\t\r\n"

// eachPiece changes what stands between separators.
func eachPiece(text string, change func(string) string) string {
	if !strings.ContainsAny(text, otherSeparators) {
		return change(text)
	}
	var b strings.Builder
	for {
		i := strings.IndexAny(text, otherSeparators)
		if i < 0 {
			b.WriteString(change(text))
			return b.String()
		}
		b.WriteString(change(text[:i]))
		b.WriteByte(text[i])
		text = text[i+1:]
	}
}
