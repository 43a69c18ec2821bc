package subject

import (
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

// values is what the configurations are made of.
type values struct {
	Task
	Place
	Server  Pair
	Address string
}

// configure writes a configuration, a template over values, and returns its file and where the subject will listen.
func configure(place Place, task Task, name, text string) (file, address string, err error) {
	address, err = freeAddress()
	if err != nil {
		return "", "", err
	}
	var out strings.Builder
	parsed, err := template.New(name).Parse(strings.TrimLeft(text, "\n"))
	if err != nil {
		return "", "", err
	}
	if err := parsed.Execute(&out, values{task, place, place.Keys.server(task), address}); err != nil {
		return "", "", err
	}
	file = filepath.Join(place.Dir, name)
	return file, address, os.WriteFile(file, []byte(out.String()), 0o644)
}
