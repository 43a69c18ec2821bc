package export

import (
	"bytes"

	"sallyport/internal/firewall"
)

// writeCSV writes the port matrix as RFC 4180 has it: a line with the names of the columns and one for each flow, ended by CR LF. There
// are no comments in such a file, so what heads other artefacts is in columns: facts in each line, because lines are filtered,
// sorted and copied into tickets, and the whole head in the first line of those that say that everything else is denied.
func writeCSV(m *firewall.Matrix, _ Options) (*Artefact, error) {
	var b bytes.Buffer
	all := columns()
	for i, c := range all {
		writeCell(&b, i, c.name)
	}
	b.WriteString("\r\n")
	s := newSheet(m)
	for e := range s.entries() {
		for i, c := range all {
			writeCell(&b, i, guarded(c.text(&e)))
		}
		b.WriteString("\r\n")
	}
	return &Artefact{Files: []File{{Name: "matrix.csv", Data: b.Bytes()}}}, nil
}
