package export

import (
	"bytes"
	"html"
	"strings"
)

// markup is HTML as far as it is written. Only what this package says itself goes into it as it is, by put; everything else is text. Templates would do
// the same by reflection, for which the linker has to keep every method of the whole program: three megabytes.
type markup struct{ bytes.Buffer }

// put adds HTML.
func (m *markup) put(trusted string) *markup {
	m.WriteString(trusted)
	return m
}

// text adds text of an element, or of an attribute within quotation marks.
func (m *markup) text(s string) *markup {
	m.WriteString(html.EscapeString(strings.ReplaceAll(s, "\x00", "\ufffd"))) // HTML knows no NUL
	return m
}

// table begins a table that can be scrolled.
func (m *markup) table(label, caption string, heads ...string) {
	m.put(`<div class="scroll" role="region" aria-label="`).text(label).put("\" tabindex=\"0\"><table>\n")
	m.heads(caption, heads)
}

// heads begins what is in a table.
func (m *markup) heads(caption string, heads []string) {
	m.put("<caption>").text(caption).put("</caption>\n<thead><tr>")
	for _, head := range heads {
		m.put(`<th scope="col">`).text(head).put("</th>")
	}
	m.put("</tr></thead>\n<tbody>\n")
}

// row adds a row, of which the first cell is the head.
func (m *markup) row(class, head string, cells ...string) {
	m.put("<tr")
	if class != "" {
		m.put(` class="`).text(class).put(`"`)
	}
	m.put(`><th scope="row">`).text(head).put("</th>")
	for _, cell := range cells {
		m.put("<td>").text(cell).put("</td>")
	}
	m.put("</tr>\n")
}
