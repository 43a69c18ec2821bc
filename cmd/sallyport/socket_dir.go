package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"sallyport/internal/config"
)

// socketDirs checks that UNIX sockets can be where they are wanted: run makes no directory but the state directory. Only check
// asks: a socket that is open stays open, whatever became of its directory.
func (p *planner) socketDirs() {
	if p.plan == nil {
		return
	}
	cfg := p.plan.config
	for _, listen := range p.plan.unixSockets() {
		path := listen.Value.Address
		dir := filepath.Dir(path)
		info, err := os.Stat(dir)
		switch made := dir == filepath.Clean(cfg.Host.StateDir); {
		case errors.Is(err, fs.ErrNotExist) && !made:
			p.report(listen.Problem(fmt.Sprintf("no such directory: %q", dir), "create it first; RuntimeDirectory= does so for a service"))
		case err == nil && !info.IsDir():
			p.report(listen.Problem(fmt.Sprintf("%q is no directory", dir), ""))
		}
		if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSocket == 0 {
			p.report(listen.Problem(fmt.Sprintf("%q exists and is no socket", path), "it is never removed; choose another path, or remove it yourself"))
		}
	}
	cfg.Sort(p.problems)
}

// unixSockets returns the UNIX sockets that somebody asked for, of ports and of the admin endpoint.
func (p *plan) unixSockets() []config.Located[config.Address] {
	var all []config.Located[config.Address]
	if a := p.config.Admin; a.Explicit && a.Listen.Value.Network == "unix" {
		all = append(all, a.Listen)
	}
	for i := range p.ports {
		if listen := p.ports[i].Listen; listen.Value.Network == "unix" {
			all = append(all, listen)
		}
	}
	return all
}

// makeStateDir makes the state directory if sockets are in it, before they are opened.
func (p *plan) makeStateDir() *config.Problem {
	for _, listen := range p.unixSockets() {
		if !within(p.config.Host.StateDir, listen.Value.Address) {
			continue
		}
		if err := os.MkdirAll(p.config.Host.StateDir, 0o700); err != nil {
			problem := listen.Problem(fmt.Sprintf("the state directory, which it is in, cannot be made: %v", err), "")
			return &problem
		}
	}
	return nil
}

// within reports whether path is somewhere in dir.
func within(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}
