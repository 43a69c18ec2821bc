package export

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"sallyport/internal/firewall"
	"sallyport/policy"
)

// ReadCSV reads flows that an export has written as csv. Errors name the file, line and column.
//
// Columns are found by their names, in any order, and those that are not known are ignored. What spreadsheets make of such a file
// is read as well: another separator, other ends of lines, a byte order mark, cells without their apostrophe. The lines that
// say that everything else is denied are no flows.
func ReadCSV(name string, r io.Reader) ([]firewall.Flow, error) {
	text, err := textOf(name, r)
	if err != nil {
		return nil, err
	}
	c := csvReader{name: name, texts: make(map[string]string)}
	c.lines = csv.NewReader(text)
	c.lines.Comma = separator(text)
	c.lines.FieldsPerRecord = -1 // spreadsheets leave out cells at the end
	c.lines.ReuseRecord = true
	if c.head(); len(c.problems) == 0 {
		for c.line() {
		}
	}
	if len(c.problems) > 0 {
		return nil, errors.Join(c.problems...)
	}
	return c.flows, nil
}

type csvReader struct {
	name     string
	lines    *csv.Reader
	columns  []placedColumn // that are known, in the order of the file
	flows    []firewall.Flow
	texts    map[string]string // each text once: flows share owners and reasons
	problems []error
}

// placedColumn is a column with its place in a line.
type placedColumn struct {
	*column
	at int
}

// textOf returns what follows a byte order mark.
func textOf(name string, r io.Reader) (*bufio.Reader, error) {
	text := bufio.NewReaderSize(r, 64<<10)
	begin, _ := text.Peek(3)
	switch {
	case string(begin) == "\xef\xbb\xbf":
		text.Discard(3)
	case len(begin) >= 2 && (string(begin[:2]) == "\xff\xfe" || string(begin[:2]) == "\xfe\xff"):
		return nil, fmt.Errorf("%s:1:1: the file is in UTF-16\n  hint: save it as CSV in UTF-8", name)
	}
	return text, nil
}

// separator returns what stands between the names of columns.
func separator(text *bufio.Reader) rune {
	begin, _ := text.Peek(4 << 10)
	line, _, _ := strings.Cut(string(begin), "\n")
	best, most := ',', 0
	for _, s := range []rune{',', ';', '\t'} {
		if n := strings.Count(line, string(s)); n > most {
			best, most = s, n
		}
	}
	return best
}

// head reads the names of the columns.
func (c *csvReader) head() {
	names, err := c.lines.Read()
	if err != nil {
		c.broken(err)
		return
	}
	all := columns()
	var found []string
	for i, cell := range names {
		name := strings.ToLower(strings.TrimSpace(unguarded(cell)))
		k := slices.IndexFunc(all, func(k column) bool { return k.name == name })
		switch {
		case k < 0 || all[k].read == nil:
			continue
		case slices.Contains(found, name):
			c.problem(i, fmt.Errorf("the column %s is there twice", name))
			return
		}
		found = append(found, name)
		c.columns = append(c.columns, placedColumn{&all[k], i})
	}
	lacking := slices.DeleteFunc(required(), func(name string) bool { return slices.Contains(found, name) })
	if len(lacking) > 0 {
		c.problem(0, &policy.Malformed{
			Problem: "the first line does not name the columns " + strings.Join(lacking, ", "),
			Hint:    `an export of "sallyport export csv" has them; others may be missing, and their order does not matter`,
		})
	}
}

const mostProblems = 20

// line reads one line, and reports whether there may be another.
func (c *csvReader) line() bool {
	cells, err := c.lines.Read()
	switch {
	case err == io.EOF:
		return false
	case err != nil:
		c.broken(err)
		return false
	case !slices.ContainsFunc(cells, func(cell string) bool { return cell != "" }):
		return true // what a spreadsheet makes of lines that were deleted
	case len(c.problems) >= mostProblems:
		c.problems = append(c.problems, fmt.Errorf("%s: and so on", c.name))
		return false
	}
	before := len(c.problems)
	var d draft
	if c.skip(cells) {
		return true
	}
	for _, k := range c.columns {
		text := ""
		if k.at < len(cells) {
			text = c.text(cells[k.at])
		}
		if err := k.read(&d, text); err != nil {
			c.problem(min(k.at, len(cells)-1), fmt.Errorf("%s: %w", k.name, err))
		}
	}
	if len(c.problems) > before || d.isDefault() {
		return true
	}
	flows, err := d.flows()
	if err != nil {
		c.problem(0, err)
	}
	c.flows = append(c.flows, flows...)
	return true
}

// skip reports whether a line stands for a matrix without anything in it.
func (c *csvReader) skip(cells []string) bool {
	i := slices.IndexFunc(c.columns, func(k placedColumn) bool { return k.name == "action" })
	at := c.columns[i].at // it has to be there
	return at < len(cells) && cells[at] == string(noAction)
}

func (c *csvReader) text(cell string) string {
	text := unguarded(cell)
	for strings.Contains(text, "\r\n") { // of which csv takes one carriage return away
		text = strings.ReplaceAll(text, "\r\n", "\n")
	}
	known, ok := c.texts[text]
	if !ok {
		known = strings.Clone(text)
		c.texts[known] = known
	}
	return known
}

// problem notes what is wrong with a cell of the line that was read last.
func (c *csvReader) problem(cell int, err error) {
	line, col := c.lines.FieldPos(cell)
	hint := ""
	if m, ok := errors.AsType[*policy.Malformed](err); ok && m.Hint != "" {
		hint = "\n  hint: " + m.Hint
	}
	c.problems = append(c.problems, fmt.Errorf("%s:%d:%d: %w%s", c.name, line, col, err, hint))
}

// broken notes why the file cannot be read on.
func (c *csvReader) broken(err error) {
	parse, ok := errors.AsType[*csv.ParseError](err)
	switch {
	case errors.Is(err, io.EOF):
		err = fmt.Errorf("%s:1:1: the file is empty\n  hint: its first line names the columns", c.name)
	case ok:
		err = fmt.Errorf("%s:%d:%d: %w\n  hint: a cell with quotes is in quotes itself, and has each of them twice", c.name, parse.Line, parse.Column, parse.Err)
	default:
		err = fmt.Errorf("%s: %w", c.name, err)
	}
	c.problems = append(c.problems, err)
}
