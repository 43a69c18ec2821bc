package subject

import (
	"context"
	"os/exec"
	"strings"
)

// HAProxy is haproxy with one thread.
type HAProxy struct{}

const haproxyConfig = `
global
	nbthread 1
	maxconn {{.Room}}
	maxpipes 20
{{- if .Buffers}}
	tune.bufsize {{.Buffers}}
{{- end}}
defaults
	mode tcp
	option splice-auto
	timeout connect 5s
	timeout client 1h
	timeout server 1h
frontend in
	bind {{.Address}}
{{- if eq .Mode "secure"}} ssl crt {{.Server.Both}} curves X25519 ciphersuites TLS_AES_128_GCM_SHA256
{{- if .ClientAuth}} ca-file {{.Keys.CA}} verify required{{end}}
{{- end}}
	maxconn {{.Room}}
	default_backend out
backend out
	server plain {{.Backend}}
`

func (HAProxy) Name() string { return "haproxy" }

func (HAProxy) Version(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "haproxy", "-v").Output()
	line, _, _ := strings.Cut(string(out), "\n")
	return line, err
}

func (HAProxy) Can(t Task) string {
	switch {
	case t.special():
		return "has no such thing"
	case t.Hybrid:
		return "its OpenSSL has no X25519MLKEM768"
	}
	return ""
}

func (HAProxy) prepare(place Place, task Task) (command, error) {
	file, address, err := configure(place, task, "haproxy.cfg", haproxyConfig)
	return command{path: "haproxy", args: []string{"-f", file, "-db"}, address: address}, err
}
