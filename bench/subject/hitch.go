package subject

import (
	"context"
	"os/exec"
)

// Hitch is hitch with one worker below its own process. Its buffers cannot be chosen.
type Hitch struct{}

// It refuses to go on as root, and takes the keys before it becomes somebody else. Without ocsp-dir there is no process that asks
// for OCSP responses.
const hitchConfig = `
frontend = {
	host = "{{.Host}}"
	port = "{{.Port}}"
}
backend = "{{.BackendInBrackets}}"
workers = {{.Workers}}
backlog = 4096
daemon = off
user = "nobody"
group = "nogroup"
syslog = off
log-level = 1
ocsp-dir = ""
pem-file = "{{.Server.Both}}"
tls-protos = TLSv1.3
ciphersuites = "TLS_AES_128_GCM_SHA256"
ecdh-curve = "{{.Group}}"
{{- if .ClientAuth}}
client-verify = required
client-verify-ca = "{{.Keys.CA}}"
{{- end}}
`

func (Hitch) Name() string { return "hitch" }

func (Hitch) Version(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "hitch", "--version").Output()
	return versionLine(string(out)), err
}

func (Hitch) Can(t Task) string {
	if why := t.special(); why != "" {
		return why
	}
	switch {
	case t.Mode == Plaintext:
		return "takes nothing but TLS"
	case t.Hybrid && !hybrid("openssl", "version"): // it does not tell; Debian has one for all
		return noHybrid
	case t.AccessLog:
		return "writes no record of sessions"
	case t.Reload:
		return "looks for changed certificates only, which is not measured"
	}
	return ""
}

func (Hitch) prepare(place Place, task Task) (command, error) {
	file, address, err := configure(place, task, "hitch.conf", hitchConfig)
	return command{path: "hitch", args: []string{"--config", file}, address: address}, err
}
