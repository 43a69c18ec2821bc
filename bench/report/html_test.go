package report

import (
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
)

func htmlPage(t *testing.T, run *Run) string {
	t.Helper()
	var out strings.Builder
	if err := HTML(&out, run); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestPageStandsAlone looks for everything that a page can load or run.
func TestPageStandsAlone(t *testing.T) {
	page := htmlPage(t, exampleRun())
	for name, pattern := range map[string]string{
		"script":          `(?i)<script`,
		"other resource":  `(?i)<(link|img|iframe|object|embed|video|audio|source|base)\b`,
		"address":         `(?i)\b(https?:)?//[a-z]`,
		"style import":    `(?i)@import|url\(`,
		"event handler":   `(?i)<[^>]*\son[a-z]+=`,
		"style attribute": `(?i)<[^>]*\sstyle=`, // the policy would drop it
		"reference":       `(?i)<[^>]*\s(src|href|xlink:href|action)=`,
		"marker of html/template for what it did not trust": `ZgotmplZ`,
	} {
		if found := regexp.MustCompile(pattern).FindString(page); found != "" {
			t.Errorf("%s: %q", name, found)
		}
	}
	if !strings.Contains(page, `content="default-src &#39;none&#39;; style-src &#39;sha256-`) {
		t.Error("no strict content security policy")
	}
}

// TestPolicyAllowsTheStyle takes the style from the page, as a browser does.
func TestPolicyAllowsTheStyle(t *testing.T) {
	page := htmlPage(t, exampleRun())
	_, rest, _ := strings.Cut(page, "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	if want := strings.NewReplacer("+", "&#43;", "=", "=").Replace(digest(style)); !strings.Contains(page, want) {
		t.Errorf("no digest %s in the page's policy", want)
	}
}

func TestPageIsWellFormed(t *testing.T) {
	text := strings.TrimPrefix(htmlPage(t, exampleRun()), "<!DOCTYPE html>")
	decoder := xml.NewDecoder(strings.NewReader(text))
	decoder.Strict = false
	decoder.AutoClose = []string{"meta", "br"}
	decoder.Entity = xml.HTMLEntity
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestPageHasEverythingAsText(t *testing.T) {
	page := htmlPage(t, exampleRun())
	for _, want := range []string{
		"<h2>full handshake</h2>",
		">306 (300–312)</text>",
		"<td>306<br><small>300–312</small></td><td>1.00×<br><small>1.00–1.00</small></td>",
		`<span aria-hidden="true">✗</span> not met`,
		"36.7/MiB",
		"bulk-down, nginx, round 1: wrong bytes &lt;b&gt; (2 times)",
		"HAProxy &lt;2.6&gt;",
		"stunnel in log, idle: is not installed",
		"<pre>go run ./bench -rounds 3</pre>",
		"9940 sessions at once",
		"TLS 1.3 resumed=false",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in the page", want)
		}
	}
}

func TestPageOfATarget(t *testing.T) {
	run := exampleRun()
	run.Header.Target, run.Header.Incomplete = "192.0.2.1:443", "interrupted"
	page := htmlPage(t, run)
	for _, want := range []string{"One program loaded 192.0.2.1:443", "<strong>Incomplete:</strong> interrupted"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in the page", want)
		}
	}
	if strings.Contains(page, "took turns") {
		t.Error("it speaks of turns that nobody took")
	}
}

func TestEveryDotHasItsPlace(t *testing.T) {
	run := exampleRun()
	table := run.table(run.workload("handshake-ecdsa"))
	for _, plot := range table.plots() {
		for _, bar := range plot.Bars {
			for _, at := range append(bar.Dots, bar.Length, bar.Least, bar.Most) {
				if at <= 0 || at > 100 {
					t.Errorf("%s, %s: a place at %s", plot.Title, bar.Name, at)
				}
			}
			if bar.Least > bar.Length || bar.Length > bar.Most || len(bar.Dots) != 3 {
				t.Errorf("%s, %s: median %s, range %s to %s, %d dots", plot.Title, bar.Name, bar.Length, bar.Least, bar.Most, len(bar.Dots))
			}
		}
	}
	curves := run.latencies(table)
	for _, c := range curves.Curves {
		for i, p := range c.Points {
			if p.Y < lineTop || p.Y > lineTop+lineHeight || p.X < 0 || p.X > 100 {
				t.Errorf("%s: a point at %s, %d", c.Name, p.X, p.Y)
			}
			if i > 0 && p.Y >= c.Points[i-1].Y {
				t.Errorf("%s: quantile %d is not above the one before", c.Name, i)
			}
		}
	}
	if table := run.table(run.workload("idle")); run.latencies(table) != nil {
		t.Error("latencies of idle sessions")
	}
}
