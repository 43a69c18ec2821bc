package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"sallyport/internal/config"
)

func TestLogFilter(t *testing.T) {
	parse := func(section string) config.Log {
		t.Helper()
		cfg, problems := config.Parse("config.toml", []byte(section+`
[[application]]
name = "a"
upstream.primary = "builtin:echo"
[[application.port]]
id = "p"
listen = "127.0.0.1:0"
mode = "plaintext"
`))
		if problems.HasErrors() {
			t.Fatal(problems)
		}
		return cfg.Log
	}
	for _, c := range []struct {
		name, section string
		want          []string
		not           []string
	}{
		{"everything is shown", "", []string{"level=INFO", "msg=session", "sni=a.example", "peer_subject=\"CN=x\""}, nil},
		{"one hidden", `log.filter = { peer_subject = "hide" }`, []string{"sni=a.example", "peer_subject=****"}, []string{"CN=x"}},
		{"one left out", `log.filter = { sni = "skip" }`, []string{"peer_subject=\"CN=x\""}, []string{"sni=a"}},
		{"all hidden but one", "[log]\ndefault_filter = \"hide\"\nfilter = { sni = \"copy\" }",
			[]string{"time=", "level=INFO", "msg=session", "sni=a.example", "peer_subject=****"}, []string{"CN=x"}},
		{"all left out", `log.default_filter = "skip"`, []string{"msg=session"}, []string{"sni=a", "peer_subject"}},
		{"as JSON", `log.format = "json"`, []string{`"msg":"session"`, `"sni":"a.example"`}, nil},
		{"level", `log.level = "warn"`, nil, []string{"session"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			handler := newLogHandler(&out)
			log := slog.New(handler)
			handler.configure(parse(c.section)) // a logger follows what is configured later
			log.Info("session", "sni", "a.example", "peer_subject", "CN=x")
			if c.name != "level" {
				log.Warn("reload failed", "sni", "own") // what sallyport says of itself is not filtered
				if !strings.Contains(out.String(), "own") {
					t.Errorf("the filter took part of a record that is no session's: %s", out.String())
				}
			}
			for _, text := range c.want {
				if !strings.Contains(out.String(), text) {
					t.Errorf("no %q in %s", text, out.String())
				}
			}
			for _, text := range c.not {
				if strings.Contains(out.String(), text) {
					t.Errorf("%q in %s", text, out.String())
				}
			}
		})
	}
}
