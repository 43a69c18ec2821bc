package matrix

import (
	"fmt"
	"io"
	"strings"

	"sallyport/internal/suggest/draft"
	"sallyport/policy"
)

// Write writes the draft as a policy file, with everything that could not be placed as comments at its end. It is not empty even if the
// draft is.
func (d *Draft) Write(w io.Writer) error {
	out := &writer{draft.NewWriter(w)}
	out.head(d)
	for i := range d.Clients {
		out.client(&d.Clients[i])
	}
	for i := range d.Rules {
		out.rule(&d.Rules[i], &d.rules[i])
	}
	for i := range d.Blocks {
		out.block(&d.Blocks[i], &d.blocks[i])
	}
	out.left(d)
	return out.Flush()
}

// writer writes what a draft consists of.
type writer struct{ *draft.Writer }

func (w *writer) head(d *Draft) {
	w.Comment("A draft, made by sallyport of a port matrix: %s.", d.Summary())
	w.Comment("")
	w.Comment("These rules allow what the rows say, and nothing else. Review them, with the lines of the matrix that are named above each.")
	w.Comment("Then add the file to the files of [policy] and run sallyport check.")
	for _, note := range d.Notes {
		w.Comment("")
		w.Comment("%s", note)
	}
	if len(d.implied) > 0 {
		w.Comment("")
		w.Comment("What no rule allows is denied. So these lines are not needed: %s.", linesText(d.implied))
	}
	if !d.Complete() {
		w.Comment("")
		w.Comment("INCOMPLETE: what could not be placed stands at the end.")
	}
}

// Summary says what became of the rows, in one line.
func (d *Draft) Summary() string {
	a := &d.Account
	text := fmt.Sprintf("%s, %d placed", draft.Counted(a.Rows, "row"), a.Placed)
	if a.Part > 0 {
		text += fmt.Sprintf(", %d placed in part", a.Part)
	}
	if a.Left > 0 {
		text += fmt.Sprintf(", %d not placed", a.Left)
	}
	return fmt.Sprintf("%s; %s, %s, %s", text, draft.Counted(len(d.Clients), "client"), draft.Counted(len(d.Rules), "rule"), draft.Counted(len(d.Blocks), "block"))
}

func (w *writer) client(c *policy.Client) {
	fmt.Fprintln(w)
	fmt.Fprintln(w, "[[client]]")
	w.Text("name", c.Name)
	if len(c.Addresses) > 0 {
		w.List("addresses", draft.Texts(c.Addresses, policy.PrefixText))
	}
	if len(c.Ports) > 0 {
		w.List("ports", draft.Texts(c.Ports, policy.PortRange.String))
	}
	if len(c.Identities) > 0 {
		w.List("identities", draft.Texts(c.Identities, policy.Identity.String))
	}
}

func (w *writer) origin(o *origin) {
	w.Comment("From %s.", linesText(o.lines))
	for _, remark := range o.remarks {
		w.Comment("CAREFUL: %s", remark)
	}
}

func (w *writer) rule(r *policy.Rule, note *ruleNote) {
	fmt.Fprintln(w)
	if note.more {
		w.Comment("From the same lines: not all of their sources do the same.")
	} else {
		w.origin(&note.origin)
	}
	if len(note.divided) > 0 {
		w.Comment("CAREFUL: each of the definitions of %s has these bounds for itself.", draft.QuotedList(note.divided))
	}
	fmt.Fprintln(w, "[[allow]]")
	w.Text("id", r.ID)
	w.List("from", r.From)
	w.List("to", r.To)
	w.Text("tls", r.TLS.String())
	if r.MaxConnections > 0 {
		w.Number("max_connections", r.MaxConnections)
	}
	if !r.Rate.IsZero() {
		w.Text("rate", r.Rate.String())
	}
	if r.Burst > 0 {
		w.Number("burst", r.Burst)
	}
	if r.Owner == "" {
		w.Comment("owner: who can answer whether it is needed?")
	}
	w.said("owner", r.Owner)
	w.said("ticket", r.Ticket)
	w.said("reason", r.Reason)
	if !r.ValidFrom.IsZero() {
		w.Day("valid_from", r.ValidFrom)
	}
	if !r.Expires.IsZero() {
		w.Day("expires", r.Expires)
	}
}

// said writes a text that may not be there.
func (w *writer) said(key, text string) {
	if text != "" {
		w.Text(key, text)
	}
}

func (w *writer) block(b *policy.Block, note *blockNote) {
	fmt.Fprintln(w)
	w.origin(&note.origin)
	w.Comment("A block closes all ports, and comes before every rule.")
	if note.owner != "" {
		w.Comment("Owner: %s", draft.Whole(note.owner))
	}
	if note.ticket != "" {
		w.Comment("Ticket: %s", draft.Whole(note.ticket))
	}
	fmt.Fprintln(w, "[[block]]")
	w.Text("id", b.ID)
	w.List("addresses", draft.Texts(b.Addresses, policy.PrefixText))
	w.said("reason", b.Reason)
}

// left writes what could not be placed. File names and messages have nothing in them that could end a comment: cells are quoted.
func (w *writer) left(d *Draft) {
	if d.Complete() {
		return
	}
	fmt.Fprintln(w)
	w.Comment("NOT PLACED")
	for i := range d.Left {
		p := &d.Left[i]
		w.Comment("")
		w.Comment("line %d, column %d: %s", p.Line, p.Column, p.Message)
		if p.Hint != "" {
			w.Comment("  %s", p.Hint)
		}
	}
}

// linesText lists line numbers, those in a row in short.
func linesText(lines []int) string {
	var parts []string
	for i := 0; i < len(lines); {
		n := i
		for n+1 < len(lines) && lines[n+1] <= lines[n]+1 {
			n++
		}
		part := fmt.Sprint(lines[i])
		if lines[n] > lines[i] {
			part = fmt.Sprintf("%d-%d", lines[i], lines[n])
		}
		parts = append(parts, part)
		i = n + 1
	}
	if len(lines) == 1 {
		return "line " + parts[0]
	}
	return "lines " + strings.Join(parts, ", ")
}
