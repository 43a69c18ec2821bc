package config

import (
	"slices"

	"sallyport/internal/config/document"
)

// The tables that Diff knows by name.
const (
	hostTable        = "host"
	applicationTable = "application"
	portTable        = "port"
)

// fromOutside is what an application says that leaves a flag to the host.
const fromOutside = "inherited"

// outline returns what a file says. Ports have the flags that count for them, from whichever level.
func outline(raw *rawFile) *document.Outline {
	whole := document.OutlineOf(raw)
	var host *document.Outline
	for i := range whole.Tables {
		if whole.Tables[i].Key == hostTable {
			host = &whole.Tables[i]
		}
	}
	for i := range whole.Tables {
		app := &whole.Tables[i]
		if app.Key != applicationTable {
			continue
		}
		for j := range app.Tables {
			if port := &app.Tables[j]; port.Key == portTable {
				inheritFlags(port, app, host)
			}
		}
		for _, flag := range document.Keys[rawFlags]() {
			if _, written := setting(app, flag.Path); !written {
				app.Values = append(app.Values, document.Setting{Key: flag.Path, Text: fromOutside})
			}
		}
	}
	return &whole
}

func inheritFlags(port, app, host *document.Outline) {
	for _, flag := range document.Keys[rawFlags]() {
		if _, written := setting(port, flag.Path); written {
			continue
		}
		for _, outer := range []*document.Outline{app, host} {
			if s, written := setting(outer, flag.Path); written {
				port.Values = append(port.Values, s)
				break
			}
		}
	}
}

func setting(table *document.Outline, key string) (document.Setting, bool) {
	i := slices.IndexFunc(table.Values, func(s document.Setting) bool { return s.Key == key })
	if i < 0 {
		return document.Setting{}, false
	}
	return table.Values[i], true
}
