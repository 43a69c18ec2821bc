package export

import (
	"html"
	"regexp"
	"strings"
	"testing"

	"sallyport/internal/firewall"
)

func htmlOf(t testing.TB, m *firewall.Matrix) string {
	t.Helper()
	a, err := writeHTML(m, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return string(a.Files[0].Data)
}

// TestPageNeedsNothingElse holds the page to its own security policy: the style and the script in it, and nothing from elsewhere.
func TestPageNeedsNothingElse(t *testing.T) {
	text := htmlOf(t, reviewMatrix())
	security := regexp.MustCompile(`<meta http-equiv="Content-Security-Policy" content="([^"]*)">`).FindStringSubmatch(text)
	if security == nil {
		t.Fatal("no security policy")
	}
	style, script := elements(text, "style"), elements(text, "script")
	if len(style) != 1 || len(script) != 1 {
		t.Fatalf("%d styles and %d scripts, want one of each", len(style), len(script))
	}
	want := "default-src 'none'; style-src '" + digest(style[0]) + "'; script-src '" + digest(script[0]) + "'; base-uri 'none'; form-action 'none'"
	if got := html.UnescapeString(security[1]); got != want {
		t.Errorf("the security policy is\n%s\nwant\n%s", got, want)
	}
	if found := regexp.MustCompile(`(?i)(src|srcset|action|data|poster)=|href="[^#]|url\(|@import|\son[a-z]+=|style=|https?:`).FindAllString(text, -1); found != nil {
		t.Errorf("the page asks for something, or has what its security policy forbids: %q", found)
	}
}

// elements returns what is in the elements of a name.
func elements(text, name string) []string {
	var all []string
	for _, m := range regexp.MustCompile(`(?s)<`+name+`>(.*?)</`+name+`>`).FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	return all
}

func TestPage(t *testing.T) {
	m := reviewMatrix()
	text := htmlOf(t, m)
	if text != htmlOf(t, reviewMatrix()) {
		t.Error("the same matrix was written in another way")
	}
	for _, want := range []string{
		"<title>Port matrix of east-1</title>",
		"<dt>policy</dt><dd><code>0123456789abcdef, in force as generation 7</code></dd>",
		"<dt>position</dt><dd>the host that sallyport runs on</dd>",
		"<dt>made</dt><dd><time>2026-03-04T05:06:07Z</time></dd>",
		"<dt>flows</dt><dd>4: 3 permitted, 1 denied</dd>",
		"<dt>destinations</dt><dd>3</dd>",
		"<li>Return traffic relies on connection tracking.</li>",
		"<li>A note with &lt;/script&gt;&lt;b&gt;.</li>",
		`<tr><th scope="row">partner.example.com</th><td>198.51.100.1</td><td>2026-03-04T05:06:07Z</td></tr>`,
		`<tr><th scope="row">config-server/secure</th><td>10.1.0.4</td><td>ipv4</td><td>2021</td><td>inbound</td><td>10.2.0.5 ports 20001-20004</td></tr>`,
		`<tr><th scope="row">config-server/open</th><td>any</td><td>ipv6</td><td>2020</td><td>inbound</td><td>any IPv6 address any port</td></tr>`,
		"<caption>Flows 1 to 4 of 4</caption>",
		`<tr class="denied"><th scope="row">scanner</th><td>deny</td>`,
		"<td>T-Server\nregistration; &lt;b&gt;</td>",
		"<td>voice &#34;team&#34;, east</td>",
		"<td>=CHG-1234</td>",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %s", want)
		}
	}
	if strings.Contains(text, "<b>") {
		t.Error("a text of the policy is markup")
	}
}

// TestPageIsAccessible holds the page to what people who do not see it, or have no mouse, need.
func TestPageIsAccessible(t *testing.T) {
	text := htmlOf(t, reviewMatrix())
	if n, captions := strings.Count(text, "<table>"), strings.Count(text, "<caption>"); n != 3 || captions != n {
		t.Errorf("%d tables with %d captions, want 3 with one each", n, captions)
	}
	if strings.Contains(text, "<th>") || strings.Count(text, "<th scope=") != strings.Count(text, "<th ") {
		t.Error("a head does not say of what it is one")
	}
	for _, field := range regexp.MustCompile(`.*<input`).FindAllString(text, -1) {
		if !strings.Contains(field, "<label>") {
			t.Errorf("%s has no label", field)
		}
	}
	for _, region := range regexp.MustCompile(`<div class="scroll[^>]*>`).FindAllString(text, -1) {
		if !strings.Contains(region, `tabindex="0"`) || !strings.Contains(region, "aria-label=") {
			t.Errorf("the keyboard cannot scroll %s", region)
		}
	}
	ids := make(map[string]bool)
	for _, id := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(text, -1) {
		if ids[id[1]] {
			t.Errorf("the id %s is there twice", id[1])
		}
		ids[id[1]] = true
	}
	for _, reference := range regexp.MustCompile(` (?:aria-labelledby|aria-describedby)="([^"]*)"|href="#([^"]*)"`).FindAllStringSubmatch(text, -1) {
		if !ids[reference[1]+reference[2]] {
			t.Errorf("%s leads nowhere", reference[0])
		}
	}
}

// TestPageInParts holds many flows to being in tables that a browser can leave out while they are not looked at, and each to one of them.
func TestPageInParts(t *testing.T) {
	for _, c := range []struct{ flows, parts int }{{0, 0}, {1, 1}, {perPart, 1}, {perPart + 1, 2}, {10*perPart - 1, 10}} {
		text := htmlOf(t, manyFlows(c.flows))
		if got := strings.Count(text, `<div class="part">`); got != c.parts {
			t.Errorf("%d flows are in %d parts, want %d", c.flows, got, c.parts)
		}
		if got := strings.Count(text, `<tr><th scope="row">tserver-to-config</th>`); got != c.flows {
			t.Errorf("%d flows are in %d rows", c.flows, got)
		}
	}
}

// TestPageColumns leaves out columns that no flow has anything in.
func TestPageColumns(t *testing.T) {
	m := reviewMatrix()
	m.Flows = m.Flows[3:]
	text := htmlOf(t, m)
	for title, want := range map[string]bool{"rule": true, "source ports": true, "resolved from": true, "owner": false, "valid until": false} {
		if got := strings.Contains(text, `<th scope="col">`+title+`</th>`); got != want {
			t.Errorf("a column %s: %t, want %t", title, got, want)
		}
	}
}

// TestPageShowsSome has the summary name some of what is open to a destination, and count the rest.
func TestPageShowsSome(t *testing.T) {
	m := manyFlows(50)
	for i := range m.Flows {
		m.Flows[i].Source.Ports.First += uint16(i) // so that they are not one
		m.Flows[i].Source.Ports.Last = m.Flows[i].Source.Ports.First
	}
	var open firewall.Region
	for i := range m.Flows {
		open = open.Plus(reviewRegion(m.Flows, i))
	}
	m.Guards = m.Guards[:1]
	m.Guards[0].Open = open
	if text := htmlOf(t, m); !strings.Contains(text, "<br>10.16.0.19 port 20020<br>and 30 more, among the flows</td>") {
		t.Error("the summary does not say that there is more")
	}
}

func BenchmarkWriteHTML(b *testing.B) {
	m := manyFlows(100_000)
	b.ReportAllocs()
	for b.Loop() {
		b.SetBytes(int64(len(htmlOf(b, m))))
	}
}
