package subject

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// Nginx is nginx with its stream module and one worker below the master process.
type Nginx struct{}

// It finds the format of its log only if that stands before the log.
const nginxConfig = `
{{- with .Module}}
load_module {{.}};
{{- end}}
daemon off;
user root;
worker_processes {{.Workers}};
pid nginx.pid;
error_log stderr {{if .Reload}}notice{{else}}crit{{end}};
events {
	worker_connections {{.Descriptors}};
}
stream {
	log_format record '$remote_addr:$remote_port [$time_iso8601] $protocol $status $bytes_sent $bytes_received $session_time "$upstream_addr"';
	access_log {{if .AccessLog}}access.log record{{else}}off{{end}};
	server {
		listen {{.Address}}{{if eq .Mode "secure"}} ssl{{end}} backlog=4096;
		proxy_pass {{.Backend}};
		proxy_connect_timeout 5s;
		proxy_timeout 1h;
{{- if .Buffers}}
		proxy_buffer_size {{.Buffers}};
{{- end}}
{{- if eq .Mode "secure"}}
		ssl_certificate {{.Server.Certificate}};
		ssl_certificate_key {{.Server.Key}};
		ssl_protocols TLSv1.3;
		ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
		ssl_ecdh_curve {{.Group}};
		ssl_session_cache shared:bench:10m;
		ssl_session_tickets on;
{{- if .ClientAuth}}
		ssl_client_certificate {{.Keys.CA}};
		ssl_verify_client on;
{{- end}}
{{- end}}
	}
}
`

func (Nginx) Name() string { return "nginx" }

func (Nginx) Version(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "nginx", "-V").CombinedOutput()
	return versionLine(string(out)), err
}

func (Nginx) Can(t Task) string {
	if why := t.special(); why != "" {
		return why
	}
	if _, ok := nginxStream(); !ok {
		return "its stream module is not installed (Debian package libnginx-mod-stream)"
	}
	if t.Hybrid && !hybrid("nginx", "-V") {
		return noHybrid
	}
	return ""
}

func (Nginx) prepare(place Place, task Task) (command, error) {
	module, _ := nginxStream()
	file, address, err := configureWith(place, task, module, "nginx.conf", nginxConfig)
	return command{
		path:    "nginx",
		args:    []string{"-e", "stderr", "-p", place.Dir, "-c", file},
		address: address,
		reloads: nginxReloads,
	}, err
}

var nginxModules = regexp.MustCompile(`--modules-path=(\S+)`)

// nginxStream returns the file of the stream module, which is empty where it is built in; ok is false where there is none.
func nginxStream() (file string, ok bool) {
	out, _ := exec.Command("nginx", "-V").CombinedOutput()
	file, builtIn := streamModule(string(out))
	if builtIn {
		return "", true
	}
	_, err := os.Stat(file)
	return file, err == nil
}

// streamModule reads the arguments that nginx was configured with.
func streamModule(arguments string) (file string, builtIn bool) {
	for word := range strings.FieldsSeq(arguments) {
		if word == "--with-stream" {
			return "", true
		}
	}
	if path := nginxModules.FindStringSubmatch(arguments); path != nil {
		file = filepath.Join(path[1], "ngx_stream_module.so")
	}
	return file, false
}

// nginxReloads counts what the master process tells of.
func nginxReloads(output string) (int, error) {
	text, err := os.ReadFile(output)
	return bytes.Count(text, []byte("reconfiguring")), err
}
