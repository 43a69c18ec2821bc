package subject

import (
	"context"
	"os/exec"
)

// Stunnel is stunnel, which has a thread for each connection. Its buffers cannot be chosen.
type Stunnel struct{}

const stunnelConfig = `
foreground = yes
syslog = no
debug = {{if .AccessLog}}notice{{else}}err{{end}}
pid =
[bench]
accept = {{.Address}}
connect = {{.Backend}}
cert = {{.Server.Certificate}}
key = {{.Server.Key}}
sslVersionMin = TLSv1.3
ciphersuites = TLS_AES_128_GCM_SHA256
curves = {{.Group}}
TIMEOUTidle = 3600
{{- if .ClientAuth}}
CAfile = {{.Keys.CA}}
verifyChain = yes
{{- end}}
`

func (Stunnel) Name() string { return "stunnel" }

func (Stunnel) Version(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "stunnel4", "-version").CombinedOutput()
	return versionLine(string(out)), err
}

func (Stunnel) Can(t Task) string {
	if why := t.special(); why != "" {
		return why
	}
	switch {
	case t.Mode == Plaintext:
		return "takes nothing but TLS"
	case t.Hybrid && !hybrid("stunnel4", "-version"):
		return noHybrid
	case t.Reload:
		return "closes its ports when it reloads, which is not measured"
	}
	return ""
}

func (Stunnel) prepare(place Place, task Task) (command, error) {
	file, address, err := configure(place, task, "stunnel.conf", stunnelConfig)
	return command{path: "stunnel4", args: []string{file}, address: address}, err
}
