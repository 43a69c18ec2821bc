package export

import (
	"fmt"
	"strconv"

	"sallyport/internal/firewall"
)

// mostOpen is how much of what is open to a destination is shown above the flows, which have it all.
const mostOpen = 20

// destinations writes the guards with what is open to them.
func (p *page) destinations() {
	p.put("<section aria-labelledby=\"destinations\">\n<h2 id=\"destinations\">Destinations</h2>\n")
	if len(p.matrix.Guards) == 0 {
		p.put("<p>").text(nothingGuarded).put("</p>\n</section>\n")
		return
	}
	p.table("destinations", "What is open to each destination; everything else to it is denied",
		"destination", "address", "family", "port", "direction", "open to")
	for i := range p.matrix.Guards {
		p.guard(&p.matrix.Guards[i])
	}
	p.put("</tbody>\n</table></div>\n</section>\n")
}

func (p *page) guard(g *firewall.Guard) {
	p.put(`<tr><th scope="row">`).text(g.Name).put("</th>")
	for _, cell := range []string{
		prefixCell(g.Destination), familyName(g.Destination.Addr().BitLen()), strconv.Itoa(int(g.Port)), string(g.Direction),
	} {
		p.put("<td>").text(cell).put("</td>")
	}
	p.put("<td>")
	shown, more := 0, 0
	for _, slab := range g.Allowed().Plain() {
		if shown == mostOpen {
			more++
			continue
		}
		if shown > 0 {
			p.put("<br>")
		}
		p.text(slab.String())
		shown++
	}
	switch {
	case shown == 0:
		p.put("nobody")
	case more > 0:
		p.put("<br>").text(fmt.Sprintf("and %d more, among the flows", more))
	}
	p.put("</td></tr>\n")
}

// perPart is how many flows are in one table. Browsers lay out a table as a whole, and spare themselves those out of sight.
const perPart = 250

// flows writes all flows, and what they can be filtered with.
func (p *page) flows() {
	total := len(p.matrix.Flows)
	p.put(`<section aria-labelledby="flows-title">
<h2 id="flows-title">Flows</h2>
<form id="filter" role="search" aria-label="flows" hidden>
<p><label>Filter <input id="text" type="search" autocomplete="off" spellcheck="false" aria-describedby="how"></label>
<button type="reset">Show all</button></p>
<p id="how" class="quiet">Flows stay that have every word somewhere, and in each column what is asked of it.</p>
<details>
<summary>By column</summary>
<div class="fields">
`)
	titles := make([]string, len(p.columns))
	for i, c := range p.columns {
		titles[i] = c.title
		p.put("<label>").text(c.title).put(fmt.Sprintf(" <input type=\"search\" data-column=\"%d\" autocomplete=\"off\" spellcheck=\"false\"></label>\n", i))
	}
	p.put("</div>\n</details>\n</form>\n")
	p.put(fmt.Sprintf("<p><output id=\"count\" role=\"status\">%d flows</output></p>\n", total))
	p.put(`<div id="flows" class="scroll tall" role="region" aria-label="flows" tabindex="0">` + "\n")
	for first := 0; first < total; first += perPart {
		next := min(first+perPart, total)
		p.put(`<div class="part"><table>` + "\n")
		p.heads(fmt.Sprintf("Flows %d to %d of %d", first+1, next, total), titles)
		for i := range p.matrix.Flows[first:next] {
			p.flow(&p.matrix.Flows[first+i])
		}
		p.put("</tbody>\n</table></div>\n")
	}
	p.put("</div>\n</section>\n")
}

func (p *page) flow(f *firewall.Flow) {
	e := entry{Flow: f, sheet: p.sheet}
	cells := make([]string, len(p.columns))
	for i, c := range p.columns {
		cells[i] = c.text(&e)
	}
	class := ""
	if f.Action == firewall.Deny {
		class = "denied"
	}
	p.row(class, cells[0], cells[1:]...)
}
