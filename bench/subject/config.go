package subject

import (
	"fmt"
	"net"
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
	Module  string // of nginx
}

// Host and Port are the two parts of Address, for those that want them apart.
func (v values) Host() string { host, _, _ := net.SplitHostPort(v.Address); return host }
func (v values) Port() string { _, port, _ := net.SplitHostPort(v.Address); return port }

// BackendInBrackets is Backend as hitch writes addresses, IPv4 ones too.
func (v values) BackendInBrackets() string {
	host, port, _ := net.SplitHostPort(v.Backend)
	return "[" + host + "]:" + port
}

// Descriptors is what Room comes to.
func (v values) Descriptors() int { return 2*v.Room + 64 }

// configure writes a configuration, a template over values, and returns its file and where the subject will listen.
func configure(place Place, task Task, name, text string) (file, address string, err error) {
	return configureWith(place, task, "", name, text)
}

// configureWith is configure with a module.
func configureWith(place Place, task Task, module, name, text string) (file, address string, err error) {
	address, err = freeAddress()
	if err != nil {
		return "", "", err
	}
	v := values{Task: task, Place: place, Server: place.Keys.server(task), Address: address, Module: module}
	out, err := v.render(name, text)
	if err != nil {
		return "", "", err
	}
	file = filepath.Join(place.Dir, name)
	return file, address, os.WriteFile(file, []byte(out), 0o644)
}

func (v values) render(name, text string) (string, error) {
	parsed, err := template.New(name).Parse(strings.TrimLeft(text, "\n"))
	if err != nil {
		return "", err
	}
	var out strings.Builder
	if err := parsed.Execute(&out, v); err != nil {
		return "", fmt.Errorf("write: %w", err)
	}
	return strings.TrimLeft(out.String(), "\n"), nil
}
