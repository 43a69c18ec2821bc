package config

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestParseListen(t *testing.T) {
	for _, tc := range []struct {
		text  string
		want  Address
		local bool
	}{
		{":2021", Address{"tcp", ":2021"}, false},
		{"[::]:2021", Address{"tcp", "[::]:2021"}, false},
		{"0.0.0.0:2021", Address{"tcp4", "0.0.0.0:2021"}, false},
		{"10.0.0.5:2021", Address{"tcp4", "10.0.0.5:2021"}, false},
		{"127.0.0.1:0", Address{"tcp4", "127.0.0.1:0"}, true},
		{"localhost:2021", Address{"tcp4", "127.0.0.1:2021"}, true},
		{"[::1]:65535", Address{"tcp6", "[::1]:65535"}, true},
		{"[2001:DB8::1]:1", Address{"tcp6", "[2001:db8::1]:1"}, false},
		{"[fe80::1%eth0]:2021", Address{"tcp6", "[fe80::1%eth0]:2021"}, false},
		{"unix:/run/a.sock", Address{"unix", "/run/a.sock"}, true},
		{"unix:run/a.sock", Address{"unix", "dir/run/a.sock"}, true},
		{"systemd:secure.socket", Address{"systemd", "secure.socket"}, true},
	} {
		t.Run(tc.text, func(t *testing.T) {
			got, f := parseListen("dir", tc.text)
			if f != nil || got != tc.want {
				t.Fatalf("parseListen = %v, %v; want %v", got, f, tc.want)
			}
			if got.Local() != tc.local {
				t.Errorf("Local() = %v", got.Local())
			}
		})
	}
}

func TestParseEndpoint(t *testing.T) {
	for _, tc := range []struct {
		text, host string
		want       Endpoint
	}{
		{"127.0.0.1:2020", "127.0.0.1", Endpoint{"tcp", "127.0.0.1:2020"}},
		{"[::1]:2020", "::1", Endpoint{"tcp", "[::1]:2020"}},
		{"cti-1.example.com:65535", "cti-1.example.com", Endpoint{"tcp", "cti-1.example.com:65535"}},
		{"redis_1:6379", "redis_1", Endpoint{"tcp", "redis_1:6379"}},
		{"unix:/run/x.sock", "", Endpoint{"unix", "/run/x.sock"}},
		{"unix:x.sock", "", Endpoint{"unix", "dir/x.sock"}},
		{"unix:@x", "", Endpoint{"unix", "@x"}},
		{"builtin:echo", "", Endpoint{"builtin", "echo"}},
	} {
		t.Run(tc.text, func(t *testing.T) {
			got, f := parseEndpoint("dir", tc.text)
			if f != nil || got != tc.want || got.Host() != tc.host {
				t.Errorf("parseEndpoint = %v, host %q, %v; want %v, host %q", got, got.Host(), f, tc.want, tc.host)
			}
		})
	}
}

// overlap is the rule for two addresses with one port number, pair by pair.
func overlap(a, b netip.Addr) bool {
	if everything(a) || everything(b) {
		return true
	}
	return a == b || a.Is4() == b.Is4() && (a.IsUnspecified() || b.IsUnspecified())
}

// What the index finds is what comparing every pair would find.
func TestBindingsFindEveryOverlap(t *testing.T) {
	var addresses []netip.Addr
	for _, s := range []string{"::", "0.0.0.0", "127.0.0.1", "10.0.0.5", "::1", "fe80::1%a", "fe80::1%b"} {
		addresses = append(addresses, netip.MustParseAddr(s))
	}
	addresses = append(addresses, netip.Addr{})
	for _, a := range addresses {
		for _, b := range addresses {
			for _, c := range addresses {
				testBindings(t, a, b, c)
			}
		}
	}
}

func testBindings(t *testing.T, order ...netip.Addr) {
	t.Helper()
	bound := bindings{at: make(map[netip.Addr]socket)}
	var held []netip.Addr
	for _, ip := range order {
		want := slices.ContainsFunc(held, func(h netip.Addr) bool { return overlap(h, ip) })
		if _, got := bound.add(ip, socket{}); got != want {
			t.Errorf("binding %v in turn: %v overlaps: %v, want %v", order, ip, got, want)
		}
		if !want {
			held = append(held, ip)
		}
	}
}

// An accepted address is one that net understands, and reads as itself.
func FuzzParseListen(f *testing.F) {
	for _, s := range []string{":1", "[::]:1", "0.0.0.0:1", "localhost:0", "[fe80::1%eth0]:1", "unix:a", "systemd:a", "*:1", "::1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, bad := parseListen("/", s)
		if bad != nil {
			return
		}
		if again, bad := parseListen("/", got.String()); bad != nil || again != got {
			t.Errorf("%q is %v, and %q is %v (%v)", s, got, got.String(), again, bad)
		}
		if strings.HasPrefix(got.Network, "tcp") {
			if _, err := net.ResolveTCPAddr(got.Network, got.Address); err != nil {
				t.Errorf("%q: %v", s, err)
			}
		}
	})
}

func FuzzParseEndpoint(f *testing.F) {
	for _, s := range []string{"a:1", "127.0.0.1:1", "[::1]:1", "unix:a", "unix:@a", "builtin:echo", ":1", "a.:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, bad := parseEndpoint("/", s)
		if bad != nil {
			return
		}
		if again, bad := parseEndpoint("/", got.String()); bad != nil || again != got {
			t.Errorf("%q is %v, and %q is %v (%v)", s, got, got.String(), again, bad)
		}
	})
}
