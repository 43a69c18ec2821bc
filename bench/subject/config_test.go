package subject

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// place is where subjects of tests would run.
func place() Place {
	pair := func(name string) Pair { return Pair{"/k/" + name + ".crt", "/k/" + name + ".key"} }
	return Place{
		Dir:     "/d",
		Keys:    Keys{CA: "/k/ca.crt", ECDSA: pair("ecdsa"), RSA: pair("rsa"), Client: pair("client")},
		Backend: "127.0.0.1:4000",
		Room:    1000,
	}
}

func render(t *testing.T, text string, task Task) string {
	t.Helper()
	p := place()
	out, err := values{Task: task, Place: p, Server: p.Keys.server(task), Address: "127.0.0.1:21000", Module: "/m.so"}.render("c", text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestConfigurations(t *testing.T) {
	full := Task{Mode: Secure, RSA: true, ClientAuth: true, Hybrid: true, Buffers: 65536, AccessLog: true, Processors: 2}
	tests := []struct {
		name    string
		text    string
		task    Task
		want    []string
		without []string
	}{
		{"haproxy plaintext", haproxyConfig, Task{Mode: Plaintext}, []string{"bind 127.0.0.1:21000\n", "nbthread 1\n", "server plain 127.0.0.1:4000\n"}, []string{"ssl", "bufsize", "log"}},
		{"haproxy full", haproxyConfig, full, []string{
			"ssl crt /k/rsa.crt+key ssl-min-ver TLSv1.3 curves X25519MLKEM768 ciphersuites TLS_AES_128_GCM_SHA256 ca-file /k/ca.crt verify required\n",
			"nbthread 2\n", "tune.bufsize 65536\n", "option tcplog\n",
		}, nil},
		{"nginx plaintext", nginxConfig, Task{Mode: Plaintext}, []string{"listen 127.0.0.1:21000 backlog=4096;", "worker_processes 1;", "access_log off;", "worker_connections 2064;"}, []string{"ssl", "proxy_buffer_size"}},
		{"nginx full", nginxConfig, full, []string{
			"load_module /m.so;", "listen 127.0.0.1:21000 ssl backlog=4096;", "ssl_certificate /k/rsa.crt;", "ssl_ecdh_curve X25519MLKEM768;",
			"ssl_verify_client on;", "proxy_buffer_size 65536;", "access_log access.log record;", "worker_processes 2;", "error_log stderr crit;",
		}, nil},
		{"nginx reload", nginxConfig, Task{Mode: Secure, Reload: true}, []string{"error_log stderr notice;"}, []string{"ssl_verify_client"}},
		{"hitch", hitchConfig, Task{Mode: Secure}, []string{"host = \"127.0.0.1\"", "port = \"21000\"", "backend = \"[127.0.0.1]:4000\"", "pem-file = \"/k/ecdsa.crt+key\"", "ecdh-curve = \"X25519\""}, []string{"client-verify"}},
		{"hitch full", hitchConfig, full, []string{"client-verify = required", "client-verify-ca = \"/k/ca.crt\"", "workers = 2"}, nil},
		{"stunnel", stunnelConfig, Task{Mode: Secure}, []string{"accept = 127.0.0.1:21000", "connect = 127.0.0.1:4000", "cert = /k/ecdsa.crt\nkey = /k/ecdsa.key\n", "debug = err"}, []string{"verifyChain"}},
		{"stunnel full", stunnelConfig, full, []string{"CAfile = /k/ca.crt\nverifyChain = yes", "curves = X25519MLKEM768", "debug = notice"}, nil},
		{"sallyport plaintext", sallyportConfig, Task{Mode: Plaintext}, []string{"listen = \"127.0.0.1:21000\"", "mode = \"plaintext\"", "level = \"warn\""}, []string{"certificate"}},
		{"sallyport full", sallyportConfig, full, []string{"certificate_key = \"/k/rsa.key\"", "client_auth = \"require\"", "level = \"info\"", "primary = \"127.0.0.1:4000\""}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := render(t, tt.text, tt.task)
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("%q is not in it", want)
				}
			}
			for _, without := range tt.without {
				if strings.Contains(got, without) {
					t.Errorf("%q is in it", without)
				}
			}
			if t.Failed() {
				t.Log(got)
			}
		})
	}
}

func TestPolicy(t *testing.T) {
	got := policyOf(Task{Mode: Secure, Definitions: 3})
	want := `[[client]]
name = "client-1"
addresses = ["10.0.0.1"]
ports = ["20001-20004"]
[[allow]]
id = "client-1"
from = ["client-1"]
to = ["bench/in"]
tls = "required"
owner = "bench"
[[client]]
name = "load"
addresses = ["127.0.0.0/8"]
[[allow]]
id = "load"
from = ["load"]
to = ["bench/in"]
tls = "required"
owner = "bench"
[[client]]
name = "client-3"
addresses = ["10.0.0.2"]
ports = ["20003-20006"]
[[allow]]
id = "client-3"
from = ["client-3"]
to = ["bench/in"]
tls = "required"
owner = "bench"
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	limited := policyOf(Task{Mode: Plaintext, Limits: true})
	for _, want := range []string{"from = [\"loopback\"]", "tls = \"plaintext\"", "[defaults]", "exempt = []"} {
		if !strings.Contains(limited, want) {
			t.Errorf("%q is not in the policy with limits:\n%s", want, limited)
		}
	}
}

func TestCan(t *testing.T) {
	// What these are asked for, each decides without looking at the machine.
	tests := []struct {
		name    string
		subject Subject
		task    Task
		can     bool
	}{
		{"haproxy, plaintext", HAProxy{}, Task{Mode: Plaintext}, true},
		{"haproxy, its buffers", HAProxy{}, Task{Mode: Secure, Buffers: 65536}, true},
		{"haproxy, reload", HAProxy{}, Task{Mode: Secure, Reload: true}, false},
		{"haproxy, policy", HAProxy{}, Task{Mode: Secure, Definitions: 10}, false},
		{"nginx, auto-detect", Nginx{}, Task{Mode: AutoDetect}, false},
		{"hitch, client certificates", Hitch{}, Task{Mode: Secure, ClientAuth: true}, true},
		{"hitch, plaintext", Hitch{}, Task{Mode: Plaintext}, false},
		{"hitch, log", Hitch{}, Task{Mode: Secure, AccessLog: true}, false},
		{"stunnel, log", Stunnel{}, Task{Mode: Secure, AccessLog: true}, true},
		{"stunnel, plaintext", Stunnel{}, Task{Mode: Plaintext}, false},
		{"stunnel, limits", Stunnel{}, Task{Mode: Secure, Limits: true}, false},
		{"direct, hybrid", Direct{}, Task{Mode: Secure, Hybrid: true}, true},
		{"direct, reload", Direct{}, Task{Mode: Secure, Reload: true}, false},
		{"sallyport, everything", Sallyport{}, Task{Mode: AutoDetect, Definitions: 10, Limits: true, Reload: true, Hybrid: true}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if why := tt.subject.Can(tt.task); (why == "") != tt.can {
				t.Errorf("can = %t (%q), want %t", why == "", why, tt.can)
			}
		})
	}
}
