package subject

import "testing"

func TestKnowsHybrid(t *testing.T) {
	tests := []struct {
		name, text string
		want       bool
	}{
		{"Debian 12", "built with OpenSSL 3.0.22 25 Aug 2026 (running with OpenSSL 3.0.19 27 Jan 2026)", false},
		{"newer than built with", "Built with OpenSSL version : OpenSSL 3.0.1\nRunning on OpenSSL version : OpenSSL 3.5.0 8 Apr 2025", true},
		{"3.10", "OpenSSL 3.10.2", true},
		{"4", "OpenSSL 4.0.0-alpha1", true},
		{"another library", "LibreSSL 4.1.0", false},
		{"nothing", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := knowsHybrid(tt.text); got != tt.want {
				t.Errorf("knowsHybrid = %t, want %t", got, tt.want)
			}
		})
	}
}

func TestVersionLine(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"with OpenSSL behind", "nginx version: nginx/1.22.1\nbuilt with OpenSSL 3.0.22 25 Aug 2026 (running with OpenSSL 3.0.19 27 Jan 2026)", "nginx version: nginx/1.22.1, OpenSSL 3.0.19"},
		{"with OpenSSL in it", "x 5.68 with OpenSSL 3.0.17 1 Jul 2025\nOpenSSL 3.0.19", "x 5.68 with OpenSSL 3.0.17 1 Jul 2025"},
		{"without", "\nhitch 1.7.2\n", "hitch 1.7.2"},
		{"nothing", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := versionLine(tt.text); got != tt.want {
				t.Errorf("versionLine = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestStreamModule(t *testing.T) {
	tests := []struct {
		name, arguments, file string
		builtIn               bool
	}{
		{"module", "configure arguments: --modules-path=/usr/lib/nginx/modules --with-stream=dynamic --with-stream_ssl_module", "/usr/lib/nginx/modules/ngx_stream_module.so", false},
		{"built in", "configure arguments: --modules-path=/m --with-stream --with-stream_ssl_module", "", true},
		{"neither", "configure arguments: --with-threads", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file, builtIn := streamModule(tt.arguments)
			if file != tt.file || builtIn != tt.builtIn {
				t.Errorf("streamModule = %q, %t, want %q, %t", file, builtIn, tt.file, tt.builtIn)
			}
		})
	}
}

func TestReloadsIn(t *testing.T) {
	tests := []struct {
		name, status string
		want         int
		fails        bool
	}{
		{"some", `{"reloads": [{"trigger": "start", "succeeded": 1}, {"trigger": "signal", "succeeded": 7, "failed": 0}]}`, 7, false},
		{"failed ones", `{"reloads": [{"trigger": "signal", "succeeded": 7, "failed": 2}]}`, 7, true},
		{"no such trigger", `{"reloads": []}`, 0, true},
		{"no status", `sorry`, 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := reloadsIn([]byte(tt.status))
			if got != tt.want || (err != nil) != tt.fails {
				t.Errorf("reloadsIn = %d, %v; want %d, failing %t", got, err, tt.want, tt.fails)
			}
		})
	}
}
