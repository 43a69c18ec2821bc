package export

import (
	"bytes"
	"fmt"

	"sallyport/internal/firewall"
	"sallyport/policy"
)

// nftComment is how many bytes nft takes as a comment.
const nftComment = 128

// nftTuple is the key of everything that is looked up, with the keyword of the family.
const nftTuple = "%[1]s saddr . tcp sport . %[1]s daddr . tcp dport"

func writeNftables(m *firewall.Matrix, o Options) (*Artefact, error) {
	w := nftWriter{Matrix: m, Options: o, rates: newRates(m, nftUnfit)}
	for _, h := range hooks() {
		for _, v := range ipVersions() {
			if guards := guardsOf(m, h, v); len(guards) > 0 {
				w.sides = append(w.sides, w.side(h, v, guards))
			}
		}
	}
	w.file()
	return &Artefact{Files: []File{{"sallyport.nft", w.Bytes()}}}, nil
}

// nftWriter writes a table.
type nftWriter struct {
	bytes.Buffer
	*firewall.Matrix
	Options
	*rates
	sides   []*nftSide
	expires bool // an element does
}

func (w *nftWriter) printf(format string, args ...any) { fmt.Fprintf(w, format, args...) }

// deny is what becomes of a packet that may not pass.
func (w *nftWriter) deny() string {
	if w.Reject {
		return "reject with tcp reset"
	}
	return "drop"
}

func (w *nftWriter) file() {
	w.WriteString(comments(w.remarks()))
	w.WriteString("\nadd table inet sallyport\ndelete table inet sallyport\ntable inet sallyport {\n")
	w.printf("\t%s\n", nftRemark(w.title()))
	w.limits()
	for _, s := range w.sides {
		w.elements(s)
	}
	for _, h := range hooks() {
		if restricted(w.Matrix, h) {
			w.chains(h)
		}
	}
	w.WriteString("}\n")
}

func (w *nftWriter) remarks() []string {
	lines := append(head(w.Matrix),
		"The table stands beside those of others and replaces only itself. An accept in it is not final: where a chain of another table drops the same packets, "+
			"that one needs a rule of its own (sallyport audit firewall tells).",
		"Connections that are there when it is loaded go on.")
	if w.expires {
		lines = append(lines, "Timeouts count from loading: load the file on the day that it is for, and do not load an old one.")
	}
	return append(lines, w.rates.notes()...)
}

// title is the comment of the table, which tells what is loaded.
func (w *nftWriter) title() string {
	text := "no policy"
	if w.Header.PolicyHash != "" {
		text = fmt.Sprintf("policy %.12s", w.Header.PolicyHash)
	}
	if !w.Header.Made.IsZero() {
		text += ", made " + policy.DayText(w.Header.Made)
	}
	return text
}

// nftReturn lets pass what belongs to a connection. A SYN never does: connection tracking takes one for established on a tuple whose connection
// the server has reset just before, so whoever keeps trying would stay in after his rule has gone.
const nftReturn = "ct state established,related tcp flags & (fin | syn | rst | ack) != syn accept"

// chains writes the base chain of a hook, and what new connections to our destinations go through.
func (w *nftWriter) chains(h hook) {
	w.printf("\n\tchain %s {\n\t\ttype filter hook %[1]s priority filter; policy accept;\n\t\t%[2]s\n", h.name, nftReturn)
	for _, s := range w.sides {
		if s.hook == h {
			w.printf("\t\t%s daddr . tcp dport @%s_guarded jump %[2]s\n", s.keyword, s.name)
		}
	}
	w.WriteString("\t}\n")
	for _, s := range w.sides {
		if s.hook == h {
			w.judge(s)
		}
	}
}

// judge writes the chain that decides about new connections of one family.
func (w *nftWriter) judge(s *nftSide) {
	tuple := fmt.Sprintf(nftTuple, s.keyword)
	w.printf("\n\tchain %s {\n", s.name)
	if s.closed.Len() > 0 {
		w.printf("\t\t%s @%s_closed %s\n", tuple, s.name, w.deny())
	}
	if s.clients.Len() > 0 {
		w.printf("\t\tlimit name %s map @%s_clients counter %s\n", tuple, s.name, w.deny())
	}
	if s.sources.Len() > 0 {
		w.printf("\t\t%s vmap @%s_sources\n", tuple, s.name)
	}
	if s.open.Len() > 0 {
		w.printf("\t\t%s @%s_open accept\n", tuple, s.name)
	}
	w.printf("\t\tcounter %s\n\t}\n", w.deny())
}

// nftRemark is the comment of an element, a table or whatever else has one.
func nftRemark(text string) string {
	return fmt.Sprintf("comment \"%s\"", shortened(plain(text), nftComment))
}
