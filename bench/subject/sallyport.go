package subject

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Sallyport is the program at Path.
type Sallyport struct{ Path string }

const sallyportConfig = `
[host]
state_dir = "state"
[policy]
files = ["policy.toml"]
[log]
level = "{{if .AccessLog}}info{{else}}warn{{end}}"
[admin]
listen = "unix:admin.sock"
[[application]]
name = "bench"
  [application.upstream]
  primary = "{{.Backend}}"
  [[application.port]]
  id = "in"
  listen = "{{.Address}}"
  mode = "{{.Mode}}"
{{- if ne .Mode "plaintext"}}
  certificate = "{{.Server.Certificate}}"
  certificate_key = "{{.Server.Key}}"
  trusted_ca = "{{.Keys.CA}}"
  client_auth = "{{if .ClientAuth}}require{{else}}none{{end}}"
{{- end}}
`

// sallyportPolicy lets loopback pass.
const sallyportPolicy = `
[[allow]]
id = "load"
from = ["loopback"]
to = ["bench/in"]
tls = "any"
`

func (Sallyport) Name() string { return "sallyport" }

func (s Sallyport) Version(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, s.Path, "version").Output()
	line, _, _ := strings.Cut(string(out), "\n")
	return line, err
}

func (Sallyport) Can(Task) string { return "" }

func (s Sallyport) prepare(place Place, task Task) (command, error) {
	if err := os.WriteFile(filepath.Join(place.Dir, "policy.toml"), []byte(sallyportPolicy), 0o644); err != nil {
		return command{}, err
	}
	file, address, err := configure(place, task, "config.toml", sallyportConfig)
	return command{
		path:    s.Path,
		args:    []string{"run", "--config", file},
		env:     []string{"GOMAXPROCS=1"},
		address: address,
	}, err
}
