package matrix

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// cell is what stands at a place of the table.
type cell struct {
	text         string
	line, column int
}

// record is a line of the table.
type record struct {
	texts   []string // as they stand there
	line    int
	columns *columns
	reader  *csv.Reader
}

// blank reports whether nothing stands in a record.
func (r *record) blank() bool {
	return !slices.ContainsFunc(r.texts, func(text string) bool { return clean(text) != "" })
}

// cell returns what stands in a column. It can be asked until the next record is read.
func (r *record) cell(index int) cell {
	if index < 0 || index >= len(r.texts) {
		return cell{line: r.line, column: 1}
	}
	line, column := r.reader.FieldPos(index)
	return cell{clean(unguarded(r.texts[index])), line, column}
}

// clean returns the text of a cell without what nobody sees in it. Line breaks stay.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case unicode.Is(unicode.Cf, r): // zero-width spaces and marks, which spreadsheets take over from web pages
			return -1
		case unicode.IsSpace(r), unicode.IsControl(r), r == unicode.ReplacementChar:
			return ' '
		default:
			return r
		}
	}, text)
	return strings.TrimSpace(text)
}

// unguarded takes away the apostrophes that keep spreadsheets from computing a cell, or what they take for one because they separate
// cells otherwise.
func unguarded(text string) string {
	if !strings.Contains(text, "'") {
		return text
	}
	var b strings.Builder
	begins := true
	for i, r := range text {
		if !begins || r != '\'' || !guarded(text[i+1:]) {
			b.WriteRune(r)
		}
		begins = strings.ContainsRune(";\t\r\n", r)
	}
	return b.String()
}

// guarded reports whether what stands behind an apostrophe would be a formula without it, or is an apostrophe that is meant.
func guarded(rest string) bool {
	first, _ := utf8.DecodeRuneInString(rest)
	if rest != "" && (first == '\'' || unicode.IsControl(first)) {
		return true
	}
	rest = strings.TrimLeftFunc(rest, unicode.IsSpace)
	return rest != "" && strings.ContainsAny(rest[:1], "=+-@") || strings.HasPrefix(rest, "＝") || strings.HasPrefix(rest, "＋") ||
		strings.HasPrefix(rest, "－") || strings.HasPrefix(rest, "＠")
}

// table is a matrix that is being read.
type table struct {
	name    string
	header  []string
	columns *columns
	titles  int // lines above the header
	reader  *csv.Reader
}

// How many lines there may be above the header.
const mostTitles = 40

// mostColumns are as many as spreadsheets have. All rows are asked for all columns.
const mostColumns = 16384

// delimiters are those that spreadsheets write.
const delimiters = ",;\t"

func newReader(text string, delimiter rune) *csv.Reader {
	r := csv.NewReader(strings.NewReader(text))
	r.Comma = delimiter
	r.FieldsPerRecord = -1
	r.TrimLeadingSpace = delimiter != '\t' // which would be one itself
	return r
}

// open finds the header of a matrix: of all delimiters and lines the first one that has enough columns.
func (im *Import) open(name, text string) (*table, error) {
	wanted := delimiters
	if first, _, _ := strings.Cut(text, "\n"); strings.HasPrefix(first, "sep=") && len(strings.TrimSpace(first)) == len("sep=")+1 {
		wanted = first[len("sep="):][:1] // as Excel says it
	}
	if !strings.Contains(delimiters, wanted) {
		return nil, &Problem{File: name, Line: 1, Column: 1, Message: "cells are separated by " + quoted(wanted), Hint: "use commas, semicolons or tabs"}
	}
	var best error
	most := -1
	for _, delimiter := range wanted {
		t, known, err := im.search(name, text, delimiter)
		if err == nil {
			return t, nil
		}
		if known > most {
			best, most = err, known
		}
	}
	return nil, best
}

// search looks for a header with one delimiter. Without one, it returns how many columns of a header there were at most, and
// what was missing.
func (im *Import) search(name, text string, delimiter rune) (found *table, most int, err error) {
	t := &table{name: name, reader: newReader(text, delimiter)}
	none := &Problem{File: name, Line: 1, Column: 1, Message: "no line names the columns", Hint: headerHint}
	most, err = 0, none
	for ; t.titles <= mostTitles; t.titles++ {
		texts, bad := t.reader.Read()
		if bad != nil {
			if bad != io.EOF && most == 0 {
				err = t.malformed(bad)
			}
			return nil, most, err
		}
		if len(texts) > mostColumns {
			return nil, len(texts), t.wide()
		}
		columns, problem := im.columnsOf(texts)
		if problem == nil {
			t.header, t.columns = slices.Clone(texts), columns
			return t, len(columns.index), nil
		}
		if known := len(columns.index); known > most && known > 1 {
			line, _ := t.reader.FieldPos(0)
			most, err = known, &Problem{File: name, Line: line, Column: 1, Message: problem.Message, Hint: problem.Hint}
		}
	}
	return nil, most, err
}

const headerHint = `one line has to say what is in the columns, such as "source,source port,destination,destination port,owner"; ` +
	`for other names there is --map "COLUMN NAME=FIELD"`

// wide says that the line that was read last has more columns than there can be.
func (t *table) wide() error {
	line, column := t.reader.FieldPos(mostColumns)
	return &Problem{File: t.name, Line: line, Column: column, Message: fmt.Sprintf("there are more than %d columns", mostColumns), Hint: "is this the right file?"}
}

// next returns the next line, nil at the end.
func (t *table) next() (*record, error) {
	texts, err := t.reader.Read()
	switch {
	case err == io.EOF:
		return nil, nil
	case err != nil:
		return nil, t.malformed(err)
	}
	line, _ := t.reader.FieldPos(0)
	return &record{texts, line, t.columns, t.reader}, nil
}

// malformed says in our words what the reader does not like. What follows cannot be read: nobody knows where cells begin.
func (t *table) malformed(err error) error {
	p := &Problem{File: t.name, Line: 1, Column: 1, Message: err.Error()}
	if bad, ok := errors.AsType[*csv.ParseError](err); ok {
		p.Line = bad.StartLine // the end may be that of the file
		p.Message, p.Hint = "a quoted cell does not end, or goes on behind its quotes", `a cell with a quote in it is written "like ""this"""`
		if errors.Is(err, csv.ErrBareQuote) {
			p.Line, p.Column = bad.Line, bad.Column
			p.Message = "there is a quote in a cell that is not quoted"
		}
	}
	return p
}
