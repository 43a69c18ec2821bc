package export

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"slices"
	"strconv"

	"sallyport/internal/firewall"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

//go:embed page.js
var pageScript string

var page = template.Must(template.New("page").Parse(pageText))

// writeHTML writes the port matrix as one page that needs nothing else. Its own content security policy forbids everything but the
// style and the script that are in it, so that no text of a policy could have anything loaded, sent or run.
func writeHTML(m *firewall.Matrix, _ Options) (*Artefact, error) {
	s := newSheet(m)
	used := s.used(columns())
	style := fmt.Sprintf("%s:root { --columns: %d; }\n", pageStyle, len(used))
	view := pageView{
		Style:    template.CSS(style),
		Script:   template.JS(pageScript),
		Security: "default-src 'none'; style-src '" + digest(style) + "'; script-src '" + digest(pageScript) + "'; base-uri 'none'; form-action 'none'",
		Header:   &m.Header,
		Policy:   policyText(&m.Header),
		Position: position(m.At),
		Made:     momentCell(m.Header.Made),
		Guards:   guardViews(m),

		columns: used,
		sheet:   s,
	}
	for _, r := range m.Header.Names {
		view.Names = append(view.Names, nameView{r.Name, addresses(r.Addresses), momentCell(r.At)})
	}
	for i := range m.Flows {
		if m.Flows[i].Action == firewall.Deny {
			view.Denied++
		}
	}
	view.Permitted = len(m.Flows) - view.Denied
	var b bytes.Buffer
	if err := page.Execute(&b, &view); err != nil {
		return nil, err
	}
	return &Artefact{Files: []File{{Name: "matrix.html", Data: b.Bytes()}}}, nil
}

// digest names a style or script so that a content security policy lets it through.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// pageView is what the page shows.
type pageView struct {
	Style             template.CSS
	Script            template.JS
	Security          string
	Header            *firewall.Header
	Policy            string
	Position          string
	Made              string
	Names             []nameView
	Permitted, Denied int
	Guards            []guardView

	columns []column
	*sheet
}

type nameView struct{ Name, Addresses, Resolved string }

// guardView is a destination with what is open to it.
type guardView struct {
	Name, Address, Family, Port, Direction string
	Open                                   []string
	More                                   int // that are not shown
}

// mostOpen is how much of what is open to a destination is shown above the flows, which have it all.
const mostOpen = 20

func guardViews(m *firewall.Matrix) []guardView {
	all := make([]guardView, len(m.Guards))
	for i := range m.Guards {
		g := &m.Guards[i]
		v := guardView{Name: g.Name, Address: prefixCell(g.Destination), Family: familyName(g.Destination.Addr().BitLen()), Port: strconv.Itoa(int(g.Port)), Direction: string(g.Direction)}
		for n, slab := range g.Allowed().Plain() {
			if n < mostOpen {
				v.Open = append(v.Open, slab.String())
			} else {
				v.More++
			}
		}
		all[i] = v
	}
	return all
}

// used returns the columns of the page in which a flow has something.
func (s *sheet) used(all []column) []column {
	return slices.DeleteFunc(all, func(c column) bool {
		return c.title == "" || !slices.ContainsFunc(s.matrix.Flows, func(f firewall.Flow) bool {
			return c.text(&entry{Flow: &f, sheet: s}) != ""
		})
	})
}

// Titles returns the heads of the columns.
func (v *pageView) Titles() []string {
	titles := make([]string, len(v.columns))
	for i, c := range v.columns {
		titles[i] = c.title
	}
	return titles
}

// Flows is the number of flows.
func (v *pageView) Flows() int { return len(v.matrix.Flows) }

// perPart is how many flows are in one table. Browsers lay out a table as a whole, and spare themselves those out of sight.
const perPart = 250

// Parts returns the flows in tables of some hundred.
func (v *pageView) Parts() []pagePart {
	var all []pagePart
	for first := 0; first < len(v.matrix.Flows); first += perPart {
		all = append(all, pagePart{v, first, min(first+perPart, len(v.matrix.Flows))})
	}
	return all
}

// pagePart is some of the flows.
type pagePart struct {
	view        *pageView
	first, next int
}

// Caption says which flows they are.
func (p pagePart) Caption() string {
	return fmt.Sprintf("Flows %d to %d of %d", p.first+1, p.next, len(p.view.matrix.Flows))
}

// Titles returns the heads of the columns.
func (p pagePart) Titles() []string { return p.view.Titles() }

// rowView is one flow.
type rowView struct {
	Denied bool
	Name   string   // the first cell
	Cells  []string // the others
}

// Rows returns the flows.
func (p pagePart) Rows() []rowView {
	rows := make([]rowView, p.next-p.first)
	for i := range rows {
		e := entry{Flow: &p.view.matrix.Flows[p.first+i], sheet: p.view.sheet}
		cells := make([]string, len(p.view.columns))
		for k, c := range p.view.columns {
			cells[k] = c.text(&e)
		}
		rows[i] = rowView{e.Action == firewall.Deny, cells[0], cells[1:]}
	}
	return rows
}
