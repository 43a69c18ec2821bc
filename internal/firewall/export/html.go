package export

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"

	"sallyport/internal/firewall"
)

//go:embed page.css
var pageStyle string

//go:embed page.js
var pageScript string

// writeHTML writes the port matrix as one page that needs nothing else. Its own content security policy forbids everything but the
// style and the script that are in it, so that no text of a policy could have anything loaded, sent or run.
func writeHTML(m *firewall.Matrix, _ Options) (*Artefact, error) {
	s := newSheet(m)
	p := page{matrix: m, sheet: s, columns: s.used(columns())}
	p.style = fmt.Sprintf("%s:root { --columns: %d; }\n", pageStyle, len(p.columns))
	p.write()
	return &Artefact{Files: []File{{Name: "matrix.html", Data: p.Bytes()}}}, nil
}

// page is the page as far as it is written.
type page struct {
	markup
	matrix  *firewall.Matrix
	sheet   *sheet
	columns []column // in which a flow has something
	style   string
}

// used returns the columns of the page in which a flow has something.
func (s *sheet) used(all []column) []column {
	return slices.DeleteFunc(all, func(c column) bool {
		return c.title == "" || !slices.ContainsFunc(s.matrix.Flows, func(f firewall.Flow) bool {
			return c.text(&entry{Flow: &f, sheet: s}) != ""
		})
	})
}

// digest names a style or script so that a content security policy lets it through.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

func (p *page) write() {
	p.head()
	p.put(`<body>
<a class="skip" href="#flows">Skip to the flows</a>
<header>
<h1>`).title(p.matrix).put(`</h1>
<p>What a firewall has to let pass, and nothing else, made by sallyport from its policy.</p>
</header>
<main>
`)
	p.madeFrom()
	p.destinations()
	p.flows()
	p.put("</main>\n<script>").put(pageScript).put("</script>\n</body>\n</html>\n")
}

func (p *page) head() {
	security := "default-src 'none'; style-src '" + digest(p.style) + "'; script-src '" + digest(pageScript) + "'; base-uri 'none'; form-action 'none'"
	p.put(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="`).text(security).put(`">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>`).title(p.matrix).put("</title>\n<style>").put(p.style).put("</style>\n</head>\n")
}

func (m *markup) title(matrix *firewall.Matrix) *markup {
	m.put("Port matrix")
	if host := matrix.Header.Host; host != "" {
		m.put(" of ").text(host)
	}
	return m
}

// madeFrom writes what the matrix was made from, and what people have to know of it.
func (p *page) madeFrom() {
	h := &p.matrix.Header
	denied := 0
	for i := range p.matrix.Flows {
		if p.matrix.Flows[i].Action == firewall.Deny {
			denied++
		}
	}
	p.put("<section aria-labelledby=\"made-from\">\n<h2 id=\"made-from\">What it was made from</h2>\n<dl>\n")
	p.put("<dt>policy</dt><dd><code>").text(policyText(h)).put("</code></dd>\n")
	p.put("<dt>position</dt><dd>").text(position(p.matrix.At)).put("</dd>\n")
	if !h.Made.IsZero() {
		p.put("<dt>made</dt><dd><time>").text(momentCell(h.Made)).put("</time></dd>\n")
	}
	p.put("<dt>flows</dt><dd>").text(fmt.Sprintf("%d: %d permitted, %d denied", len(p.matrix.Flows), len(p.matrix.Flows)-denied, denied)).put("</dd>\n")
	p.put("<dt>destinations</dt><dd>").text(strconv.Itoa(len(p.matrix.Guards))).put("</dd>\n</dl>\n")
	if len(h.Notes) > 0 {
		p.put("<ul>\n")
		for _, note := range h.Notes {
			p.put("<li>").text(note).put("</li>\n")
		}
		p.put("</ul>\n")
	}
	if len(h.Names) > 0 {
		p.table("names", "Names, and the addresses that they had", "name", "addresses", "resolved")
		for _, r := range h.Names {
			at := "not said"
			if !r.At.IsZero() {
				at = momentCell(r.At)
			}
			p.row("", r.Name, addresses(r.Addresses), at)
		}
		p.put("</tbody>\n</table></div>\n")
	}
	p.put("</section>\n")
}
