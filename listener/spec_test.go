package listener

import (
	"path/filepath"
	"testing"
	"time"
)

func TestSpecKey(t *testing.T) {
	abs, err := filepath.Abs("run/s")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		spec Spec
		want string
	}{
		{"dual stack", Spec{Network: "tcp", Address: ":2021"}, "tcp [::]:2021"},
		{"dual stack, written out", Spec{Network: "tcp", Address: "[::]:2021"}, "tcp [::]:2021"},
		{"IPv4 wildcard means IPv4", Spec{Network: "tcp", Address: "0.0.0.0:2021"}, "tcp4 0.0.0.0:2021"},
		{"IPv4 network", Spec{Network: "tcp4", Address: ":2021"}, "tcp4 0.0.0.0:2021"},
		{"IPv6 network", Spec{Network: "tcp6", Address: ":2021"}, "tcp6 [::]:2021"},
		{"IPv4 address", Spec{Network: "tcp", Address: "10.0.0.1:2021"}, "tcp4 10.0.0.1:2021"},
		{"embedded IPv4 address", Spec{Network: "tcp", Address: "[::ffff:10.0.0.1]:2021"}, "tcp4 10.0.0.1:2021"},
		{"IPv6 address, long form", Spec{Network: "tcp", Address: "[2001:DB8:0::0:1]:2021"}, "tcp6 [2001:db8::1]:2021"},
		{"leading zeros of the port", Spec{Network: "tcp", Address: "10.0.0.1:0443"}, "tcp4 10.0.0.1:443"},
		{"host name", Spec{Network: "tcp", Address: "LocalHost:2021"}, "tcp localhost:2021"},
		{"id does not matter on a fixed port", Spec{Network: "tcp", Address: "10.0.0.1:2021", ID: "a/b"}, "tcp4 10.0.0.1:2021"},
		{"id on port 0", Spec{Network: "tcp", Address: "10.0.0.1:0", ID: "a/b"}, "tcp4 10.0.0.1:0 a/b"},
		{"options do not matter", Spec{Network: "tcp", Address: "10.0.0.1:2021", DeadPeer: time.Hour}, "tcp4 10.0.0.1:2021"},
		{"relative path", Spec{Network: "unix", Address: "run/./s"}, "unix " + abs},
		{"systemd", Spec{Network: "systemd", Address: "secure:0"}, "systemd secure:0"},
		{"no port", Spec{Network: "tcp", Address: "10.0.0.1"}, "tcp 10.0.0.1"},
	} {
		if got := tt.spec.Key(); got != tt.want {
			t.Errorf("%s: key %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestSpecIsWrittenAsConfigured(t *testing.T) {
	for want, spec := range map[string]Spec{
		":2021":              {Network: "tcp", Address: ":2021"},
		"10.0.0.1:2021":      {Network: "tcp4", Address: "10.0.0.1:2021"},
		"unix:run/s.sock":    {Network: "unix", Address: "run/s.sock"},
		"systemd:behind-elb": {Network: "systemd", Address: "behind-elb"},
	} {
		if got := spec.String(); got != want {
			t.Errorf("%+v is written %q, want %q", spec, got, want)
		}
	}
}
