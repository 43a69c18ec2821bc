package subject

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// Sallyport is the program at Path.
type Sallyport struct{ Path string }

// The log goes to the standard output, which is a file here. What is watched would add reloads to those that are asked for. All sessions may
// come at once, as they may with the peers: the default refuses those for which there is no place in the queue to the server.
const sallyportConfig = `
[host]
state_dir = "state"
[limits]
drain_timeout = "0s"
[reload]
watch = false
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

func (Sallyport) Name() string { return "sallyport" }

func (s Sallyport) Version(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, s.Path, "version").Output()
	return versionLine(string(out)), err
}

func (Sallyport) Can(Task) string { return "" }

func (s Sallyport) prepare(place Place, task Task) (command, error) {
	if err := os.WriteFile(filepath.Join(place.Dir, "policy.toml"), []byte(policyOf(task)), 0o644); err != nil {
		return command{}, err
	}
	file, address, err := configure(place, task, "config.toml", sallyportConfig)
	return command{
		path:    s.Path,
		args:    []string{"run", "--config", file},
		env:     []string{"GOMAXPROCS=" + strconv.Itoa(task.Workers())},
		address: address,
		reloads: func(string) (int, error) { return s.reloads(file) },
	}, err
}

// reloads asks the running sallyport.
func (s Sallyport) reloads(config string) (int, error) {
	out, err := exec.Command(s.Path, "status", "--json", "--config", config).Output()
	if err != nil {
		return 0, fmt.Errorf("status: %w", err)
	}
	return reloadsIn(out)
}

// reloadsIn reads what the status says of reloads that were asked for by signal.
func reloadsIn(status []byte) (int, error) {
	var found struct {
		Reloads []struct {
			Trigger           string
			Succeeded, Failed int
		}
	}
	if err := json.Unmarshal(status, &found); err != nil {
		return 0, fmt.Errorf("status: %w", err)
	}
	for _, r := range found.Reloads {
		if r.Trigger != "signal" {
			continue
		}
		if r.Failed > 0 {
			return r.Succeeded, fmt.Errorf("%d of %d failed", r.Failed, r.Failed+r.Succeeded)
		}
		return r.Succeeded, nil
	}
	return 0, fmt.Errorf("status tells of no reloads by signal")
}
