package config

import (
	"fmt"
	"path/filepath"
	"strings"

	"sallyport/internal/config/document"
)

// adminOff is the word that turns the admin socket off.
const adminOff = "off"

func (c *checker) admin(raw rawAdmin, stateDir string) Admin {
	if !raw.Listen.Set {
		return c.defaultAdmin(raw, stateDir)
	}
	if raw.Listen.Value == adminOff {
		return Admin{Listen: document.At(raw.Listen, Address{}), Explicit: true, Off: true}
	}
	address, f := parseListen(c.dir, raw.Listen.Value)
	listen := document.At(raw.Listen, address)
	switch {
	case f != nil:
		c.report(raw.Listen.Problem(f.message, f.hint))
	case address.Network == "systemd":
		c.report(raw.Listen.Problem("a socket of systemd's cannot be found by the commands that use it",
			`listen on loopback ("127.0.0.1:9901") or on a UNIX socket ("unix:state/admin.sock")`))
	case !address.Local():
		c.report(raw.Listen.Problem(
			fmt.Sprintf("%s can be reached from the network, and who connects is not asked for a password", address),
			`listen on loopback ("127.0.0.1:9901") or on a UNIX socket ("unix:state/admin.sock")`))
	default:
		c.claim("[admin]", listen)
	}
	return Admin{Listen: listen, Explicit: true}
}

// defaultAdmin is a UNIX socket beside the state, named after the file, so that
// two configurations that share a directory do not share a socket.
func (c *checker) defaultAdmin(raw rawAdmin, stateDir string) Admin {
	name := strings.TrimSuffix(filepath.Base(c.path), ".toml") + ".sock"
	path := filepath.ToSlash(filepath.Join(stateDir, name))
	if len(path) > longestSocket {
		c.report(raw.Listen.Warning(
			fmt.Sprintf("no admin socket: the path of the default one has %d bytes, at most %d are possible", len(path), longestSocket),
			`set listen to a shorter path, or to "off"`))
		return Admin{Listen: document.At(raw.Listen, Address{}), Off: true}
	}
	admin := Admin{Listen: document.At(raw.Listen, Address{"unix", path})}
	c.claim("[admin]", admin.Listen)
	return admin
}
