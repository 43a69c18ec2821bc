package config

import (
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Every value differs from its default and from all others, so that none can
// end up in the place of another.
func TestLimits(t *testing.T) {
	got := parse(t, `
[limits]
max_connections = 1001
handshake_lane = 7
handshake_timeout = "11s"
header_timeout = "12s"
dial_timeout = "13s"
idle_timeout = "14s"
half_close_timeout = "15s"
max_lifetime = "16s"
drain_timeout = "17s"
handover_timeout = "19s"
dead_peer_timeout = "18s"
`+application).Limits
	want := Limits{
		MaxConnections: Located[int]{
			Value: 1001, Pos: Position{File: "dir/config.toml", Line: 3, Column: 19}, Key: "limits.max_connections", Set: true,
		},
		HandshakeLane:    7,
		HandshakeTimeout: 11 * time.Second,
		HeaderTimeout:    12 * time.Second,
		DialTimeout:      13 * time.Second,
		IdleTimeout:      14 * time.Second,
		HalfCloseTimeout: 15 * time.Second,
		MaxLifetime:      16 * time.Second,
		DrainTimeout:     17 * time.Second,
		HandoverTimeout:  19 * time.Second,
		DeadPeerTimeout:  18 * time.Second,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAdmin(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       Admin
	}{
		{"default", "", Admin{Listen: listens("unix", "dir/state/config.sock")}},
		{"default elsewhere", "host.state_dir = '/run/s'", Admin{Listen: listens("unix", "/run/s/config.sock")}},
		{"empty", `admin.listen = ""`, Admin{Listen: listens("unix", "dir/state/config.sock")}},
		{"loopback", `admin.listen = "localhost:9901"`, Admin{Listen: listens("tcp4", "127.0.0.1:9901"), Explicit: true}},
		{"UNIX", `admin.listen = "unix:run/a.sock"`, Admin{Listen: listens("unix", "dir/run/a.sock"), Explicit: true}},
		{"off", `admin.listen = "off"`, Admin{Explicit: true, Off: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := parse(t, tc.text+"\n"+application).Admin
			places := cmpopts.IgnoreFields(Located[Address]{}, "Pos", "Key", "Set")
			if diff := cmp.Diff(tc.want, got, places); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got.Listen.Set != got.Explicit {
				t.Errorf("Set = %v, Explicit = %v", got.Listen.Set, got.Explicit)
			}
		})
	}
}

func listens(network, address string) Located[Address] {
	return Located[Address]{Value: Address{network, address}}
}

func TestLog(t *testing.T) {
	for word, level := range map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	} {
		if got := parse(t, "log.level = '"+word+"'\n"+application).Log.Level; got != level {
			t.Errorf("%s is %v", word, got)
		}
	}
	l := parse(t, "[log]\nformat = 'json'\ndefault_filter = 'skip'\nfilter = { sni = 'hide', peer_subject = 'copy' }\n"+application).Log
	if l.Format != FormatJSON || l.DefaultFilter != ShowSkip || l.Level != slog.LevelInfo {
		t.Errorf("log = %+v", l)
	}
	var rules []string
	for _, r := range l.Filter {
		rules = append(rules, r.Attribute.Value+" "+string(r.Show.Value))
	}
	if diff := cmp.Diff([]string{"sni hide", "peer_subject copy"}, rules); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	if l := parse(t, application).Log; l.Format != FormatText || l.DefaultFilter != ShowCopy || l.Filter != nil {
		t.Errorf("default = %+v", l)
	}
}

func TestPort(t *testing.T) {
	port := func(text string) Port { return parse(t, application+text).Applications[0].Ports[0] }
	byDefault := port("")
	if byDefault.Name() != "a/p" || byDefault.Mode.Value != ModeSecure || byDefault.ProxyProtocol || byDefault.ALPN != nil {
		t.Errorf("port = %+v", byDefault)
	}
	if byDefault.DetectTimeout != 300*time.Millisecond || byDefault.SilentClient != SilentPlaintext {
		t.Errorf("default detection: %v, %v", byDefault.DetectTimeout, byDefault.SilentClient)
	}
	p := port("proxy_protocol = 'require'\nproxy_trusted = ['10.0.0.0/24', '10.1.0.7', '2001:db8::1', '2001:db8::/32']\nalpn = ['h2', 'http/1.1']\n")
	want := []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/24"), netip.MustParsePrefix("10.1.0.7/32"),
		netip.MustParsePrefix("2001:db8::1/128"), netip.MustParsePrefix("2001:db8::/32"),
	}
	if diff := cmp.Diff(want, p.ProxyTrusted, cmpopts.EquateComparable(netip.Prefix{})); diff != "" || !p.ProxyProtocol {
		t.Errorf("proxy protocol %v, trusted (-want +got):\n%s", p.ProxyProtocol, diff)
	}
	if diff := cmp.Diff([]string{"h2", "http/1.1"}, p.ALPN); diff != "" {
		t.Errorf("protocols (-want +got):\n%s", diff)
	}
}

func TestDetection(t *testing.T) {
	p := parse(t, `
[[application]]
name = "a"
upstream.primary = "builtin:echo"
[[application.port]]
id = "p"
listen = "127.0.0.1:2021"
mode = "auto-detect"
detect_timeout = "1s500ms"
silent_client = "refuse"
`).Applications[0].Ports[0]
	if p.Mode.Value != ModeAutoDetect || p.DetectTimeout != 1500*time.Millisecond || p.SilentClient != SilentRefuse {
		t.Errorf("port = %v, %v, %v", p.Mode.Value, p.DetectTimeout, p.SilentClient)
	}
}

func TestUpstream(t *testing.T) {
	for word, want := range map[string]ProxyVersion{"": ProxyNone, "v1": ProxyV1, "v2": ProxyV2} {
		u := parse(t, `
[[application]]
name = "a"
[application.upstream]
primary = "server:2020"
proxy_protocol = "`+word+`"
tls = { server_name = "10.0.0.1", alpn = ["postgresql"], certificate = "c.crt", certificate_key = "c.key" }
[[application.port]]
id = "p"
listen = "127.0.0.1:2021"
mode = "plaintext"
`).Applications[0].Upstream
		if u.ProxyProtocol != want {
			t.Errorf("%q is version %d", word, u.ProxyProtocol)
		}
		if u.TLS.ServerName.Value != "10.0.0.1" || u.TLS.ALPN[0] != "postgresql" {
			t.Errorf("TLS = %+v", u.TLS)
		}
		group := effective{
			Level:        `upstream of application "a"`,
			Certificates: []string{"dir/c.crt"},
			Keys:         []string{"dir/c.key"},
		}
		if diff := cmp.Diff(group, effectiveOf(u.TLS.Credentials)); diff != "" {
			t.Errorf("client certificate (-want +got):\n%s", diff)
		}
	}
}

func TestHost(t *testing.T) {
	cfg := parse(t, "host.name = 'east'\nhost.state_dir = '/var/lib/s'\n"+application)
	if cfg.Host.Name.Value != "east" || cfg.Host.StateDir != resolve("dir", "/var/lib/s") {
		t.Errorf("host = %+v", cfg.Host)
	}
	if cfg.Path != "dir/config.toml" || cfg.Dir != "dir" {
		t.Errorf("path %q, directory %q", cfg.Path, cfg.Dir)
	}
}

func TestReload(t *testing.T) {
	for text, want := range map[string]Reload{
		"":                             {Watch: true, Recheck: 30 * time.Second},
		"[reload]\nwatch = false\n":    {Recheck: 30 * time.Second},
		"[reload]\nrecheck = \"4s\"\n": {Watch: true, Recheck: 4 * time.Second},
		"[reload]\nrecheck = \"0s\"\n": {Watch: true},
	} {
		if diff := cmp.Diff(want, parse(t, text+application).Reload); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}
