package upstream

import "testing"

func TestEndpointText(t *testing.T) {
	for want, e := range map[string]*Endpoint{
		"db.example:5432": {Network: "tcp", Address: "db.example:5432"}, "unix:/run/x.sock": {Network: "unix", Address: "/run/x.sock"}, "builtin:echo": {Network: "builtin", Address: "echo"},
	} {
		if got := e.String(); got != want {
			t.Errorf("%#v is written %q, want %q", e, got, want)
		}
	}
}
