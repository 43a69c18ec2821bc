package config

import (
	"os"
	"path/filepath"
	"testing"
)

func TestSalvage(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "site.toml")
	const byDefault = "unix:state/site.sock"
	for _, c := range []struct{ name, text, want, state string }{
		{"empty", "", byDefault, "state"},
		{"no TOML", "[[[\nlisten = \"127.0.0.1:1\"\n", byDefault, "state"},
		{"another table is broken", "[host\n[admin]\nlisten = \"127.0.0.1:9901\"\n[[application]\nname=\n", "127.0.0.1:9901", "state"},
		{"the table is broken", "[admin]\nlisten = 127.0.0.1:9901\n[host]\nstate_dir = \"run\"", "unix:run/site.sock", "run"},
		{"both", " [host] # ours\nstate_dir = 'run'\n[admin]#\nlisten = \"unix:admin.sock\"\n[", "unix:admin.sock", "run"},
		{"cut off", "[admin]\nlisten = \"127.0.0.1:9901\"\n[[application]]\nname = \"dem", "127.0.0.1:9901", "state"},
		{"windows", "\ufeff[admin]\r\nlisten = \"127.0.0.1:9901\"\r\n[x\r\n", "127.0.0.1:9901", "state"},
		{"off", "[admin]\nlisten = \"off\"\n[", "off", "state"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if cfg, _ := Load(path); cfg != nil {
				t.Fatal("nothing is to be salvaged: the file can be read")
			}
			wantSalvaged(t, path, dir, c.want, c.state)
		})
	}
	t.Run("gone", func(t *testing.T) {
		os.Remove(path)
		wantSalvaged(t, path, dir, byDefault, "state")
	})
}

func wantSalvaged(t *testing.T, path, dir, admin, state string) {
	t.Helper()
	cfg := Salvage(path)
	got := cfg.Admin.Listen.Value
	if got.Network == "unix" {
		got.Address, _ = filepath.Rel(dir, got.Address)
	}
	text := got.String()
	if cfg.Admin.Off {
		text = "off"
	}
	if text != admin {
		t.Errorf("admin socket %s, want %s", text, admin)
	}
	if got, _ := filepath.Rel(dir, cfg.Host.StateDir); got != state {
		t.Errorf("state directory %s, want %s", got, state)
	}
}
