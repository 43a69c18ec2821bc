package listener

import (
	"net"
	"testing"
)

func TestReach(t *testing.T) {
	for _, tt := range []struct {
		a, b          Spec
		covers, meets bool
	}{
		{Spec{Network: "tcp", Address: ":443"}, Spec{Network: "tcp", Address: "10.0.0.1:443"}, true, true},
		{Spec{Network: "tcp", Address: ":443"}, Spec{Network: "tcp", Address: "[2001:db8::1]:443"}, true, true},
		{Spec{Network: "tcp", Address: "[::]:443"}, Spec{Network: "tcp", Address: "0.0.0.0:443"}, true, true},
		{Spec{Network: "tcp", Address: "[::]:443"}, Spec{Network: "tcp6", Address: "[::]:443"}, true, true},
		{Spec{Network: "tcp6", Address: "[::]:443"}, Spec{Network: "tcp", Address: "[::]:443"}, false, true},
		{Spec{Network: "tcp6", Address: ":443"}, Spec{Network: "tcp", Address: "0.0.0.0:443"}, false, false},
		{Spec{Network: "tcp4", Address: ":443"}, Spec{Network: "tcp", Address: "[::1]:443"}, false, false},
		{Spec{Network: "tcp", Address: "10.0.0.1:443"}, Spec{Network: "tcp", Address: "0.0.0.0:443"}, false, true},
		{Spec{Network: "tcp", Address: "10.0.0.1:443"}, Spec{Network: "tcp4", Address: "10.0.0.1:443"}, true, true},
		{Spec{Network: "tcp", Address: "10.0.0.1:443"}, Spec{Network: "tcp", Address: "10.0.0.2:443"}, false, false},
		{Spec{Network: "tcp", Address: "10.0.0.1:443"}, Spec{Network: "tcp", Address: "10.0.0.1:80"}, false, false},
		{Spec{Network: "tcp", Address: ":0"}, Spec{Network: "tcp", Address: ":0"}, false, false},
		{Spec{Network: "tcp", Address: "localhost:443"}, Spec{Network: "tcp", Address: ":443"}, false, false},
		{Spec{Network: "unix", Address: "/run/s"}, Spec{Network: "unix", Address: "/run/s"}, false, false},
	} {
		a, b := tt.a.reach(nil), tt.b.reach(nil)
		if got := a.covers(b); got != tt.covers {
			t.Errorf("%s %s covers %s %s: %v", tt.a.Network, tt.a, tt.b.Network, tt.b, got)
		}
		if a.meets(b) != tt.meets || b.meets(a) != tt.meets {
			t.Errorf("%s %s meets %s %s: %v, other way round %v", tt.a.Network, tt.a, tt.b.Network, tt.b, a.meets(b), b.meets(a))
		}
	}
	named := Spec{Network: "tcp", Address: "localhost:443"}
	if got := named.reach(&net.OpError{Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 443}}); got.at.String() != "127.0.0.1:443" {
		t.Errorf("a name reaches %v", got)
	}
}
