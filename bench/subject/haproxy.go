package subject

import (
	"context"
	"os/exec"
)

// HAProxy is haproxy with one thread. Its session tickets are on, and splice where it finds it worthwhile.
type HAProxy struct{}

const haproxyConfig = `
global
	nbthread {{.Workers}}
	maxconn {{.Room}}
	maxpipes 20
{{- if .Buffers}}
	tune.bufsize {{.Buffers}}
{{- end}}
{{- if .AccessLog}}
	log stdout format raw local0
{{- end}}
defaults
	mode tcp
	option splice-auto
	timeout connect 5s
	timeout client 1h
	timeout server 1h
{{- if .AccessLog}}
	log global
	option tcplog
{{- end}}
frontend in
	bind {{.Address}}
{{- if eq .Mode "secure"}} ssl crt {{.Server.Both}} ssl-min-ver TLSv1.3 curves {{.Group}} ciphersuites TLS_AES_128_GCM_SHA256
{{- if .ClientAuth}} ca-file {{.Keys.CA}} verify required{{end}}
{{- end}}
	maxconn {{.Room}}
	default_backend out
backend out
	server plain {{.Backend}}
`

func (HAProxy) Name() string { return "haproxy" }

func (HAProxy) Version(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "haproxy", "-vv").Output()
	return versionLine(string(out)), err
}

func (HAProxy) Can(t Task) string {
	if why := t.special(); why != "" {
		return why
	}
	switch {
	case t.Hybrid && !hybrid("haproxy", "-vv"):
		return noHybrid
	case t.Reload:
		return "reloads by starting another process, which is not measured"
	}
	return ""
}

func (HAProxy) prepare(place Place, task Task) (command, error) {
	file, address, err := configure(place, task, "haproxy.cfg", haproxyConfig)
	return command{path: "haproxy", args: []string{"-f", file, "-db"}, address: address}, err
}
