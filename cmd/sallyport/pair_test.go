package main

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/config"
	"sallyport/policy"
)

// half is one half of a pair, its file named after it, with the application "east".
func half(name string, change func(*config.Application)) *partner {
	p := placer(name)
	app := config.Application{
		Name: placeOf(p, 1, "east"),
		Upstream: config.Upstream{
			Primary: placeOf(p, 4, config.Endpoint{Network: "tcp", Address: "192.0.2.1:2021"}),
			Backup:  placeOf(p, 5, config.Endpoint{Network: "tcp", Address: "192.0.2.2:2021"}),
			Source: &config.Source{
				Ports:   []policy.PortRange{{First: 20001, Last: 20004}},
				PortsAt: placeOf(p, 7, ""),
			},
		},
		Ports: []config.Port{{
			Application: "east",
			ID:          placeOf(p, 10, "secure"),
			Pos:         config.Position{File: name, Line: 9, Column: 1},
			Listen:      placeOf(p, 11, config.Address{Network: "tcp4", Address: "10.0.0.1:2021"}),
			Mode:        placeOf(p, 12, config.ModeSecure),
			ClientAuth:  config.Inherited[config.ClientAuth]{Located: placeOf(p, 13, config.ClientAuthRequire)},
			TLSProfile:  config.Inherited[config.TLSProfile]{Located: placeOf(p, 14, config.ProfileModern)},
		}},
	}
	app.Upstream.Source.Addresses = addressesAt(p, "10.2.0."+name[:1])
	if change != nil {
		change(&app)
	}
	return &partner{
		config: &config.Config{Path: name, Host: config.Host{StateDir: "state-" + name}, Admin: config.Admin{Off: true}, Applications: []config.Application{app}},
		policy: &config.PolicyFiles{},
	}
}

type placer string

func placeOf[T any](p placer, line int, value T) config.Located[T] {
	return config.Located[T]{Value: value, Pos: config.Position{File: string(p), Line: line, Column: 3}, Set: true}
}

func addressesAt(p placer, texts ...string) []config.Located[netip.Addr] {
	var all []config.Located[netip.Addr]
	for _, text := range texts {
		all = append(all, placeOf(p, 6, netip.MustParseAddr(text)))
	}
	return all
}

func TestComparison(t *testing.T) {
	const agree = "1.toml and 2.toml agree\n"
	with := func(addresses ...string) func(*config.Application) {
		return func(app *config.Application) { app.Upstream.Source.Addresses = addressesAt("2.toml", addresses...) }
	}
	for _, c := range []struct {
		name     string
		a, b     func(*config.Application)
		sameHost bool
		want     string
	}{
		{name: "agree", want: agree},
		{name: "primary and backup exchanged", b: func(app *config.Application) {
			app.Upstream.Primary, app.Upstream.Backup = app.Upstream.Backup, app.Upstream.Primary
		}, want: agree},
		{name: "another application", b: func(app *config.Application) { app.Name.Value = "west" }, want: `ports:
  application "east": 1.toml:1:3 has it, and 2.toml does not
  application "west": 2.toml:1:3 has it, and 1.toml does not
`},
		{name: "another port", b: func(app *config.Application) { app.Ports[0].ID.Value = "open" }, want: `ports:
  port east/secure: 1.toml:10:3 has it, and 2.toml does not
  port east/open: 2.toml:10:3 has it, and 1.toml does not
`},
		{name: "another mode", b: func(app *config.Application) { app.Ports[0].Mode.Value = config.ModePlaintext }, want: `ports:
  port east/secure: mode is secure at 1.toml:12:3, and plaintext at 2.toml:12:3
`},
		{name: "other settings of TLS", b: func(app *config.Application) {
			app.Ports[0].ClientAuth.Value, app.Ports[0].TLSProfile.Value = config.ClientAuthNone, config.ProfileLegacy
			app.Ports[0].ALPN, app.Ports[0].ProxyProtocol = []string{"h2", "x"}, true
		}, want: `ports:
  port east/secure: client_auth is require at 1.toml:13:3, and none at 2.toml:13:3
  port east/secure: tls_profile is modern at 1.toml:14:3, and legacy at 2.toml:14:3
  port east/secure: alpn is none at 1.toml:9:1, and h2, x at 2.toml:9:1
  port east/secure: proxy_protocol is none at 1.toml:9:1, and require at 2.toml:9:1
`},
		{name: "silent clients", a: autoDetect(config.SilentPlaintext), b: autoDetect(config.SilentRefuse), want: `ports:
  port east/secure: silent_client is plaintext at 1.toml:9:1, and refuse at 2.toml:9:1
`},
		{name: "another address", b: listenOn("tcp4", "10.0.0.2:2021"), want: agree},
		{name: "another port number", b: listenOn("tcp", ":2022"), want: `ports:
  warning: port east/secure: listens on port 2021 at 1.toml:11:3, and on port 2022 at 2.toml:11:3
1.toml and 2.toml agree, 1 warning
`},
		{name: "another kind of socket", b: listenOn("unix", "/run/x"), want: `ports:
  warning: port east/secure: listens on port 2021 at 1.toml:11:3, and on a UNIX socket at 2.toml:11:3
1.toml and 2.toml agree, 1 warning
`},
		{name: "other upstreams", b: func(app *config.Application) {
			app.Upstream = config.Upstream{Parallel: []config.Located[config.Endpoint]{app.Upstream.Backup}, TLS: new(config.UpstreamTLS)}
		}, want: `upstreams:
  warning: application "east": reaches 192.0.2.1:2021, 192.0.2.2:2021 at 1.toml:4:3, and 192.0.2.2:2021 at 2.toml:5:3
  warning: application "east": primary and backup at 1.toml:4:3, and parallel endpoints at 2.toml:5:3
  warning: application "east": plaintext to the upstream at 1.toml:4:3, and TLS at 2.toml:5:3
  warning: application "east": connections from a declared source at 1.toml:4:3, and connections from wherever the system chooses at 2.toml:5:3
1.toml and 2.toml agree, 4 warnings
`},

		{name: "the same source", b: with("10.2.0.1"), want: `source ports:
  ports 20001-20004: both connect from 10.2.0.1 to 192.0.2.1:2021: 1.toml:7:3 (sessions of east), and 2.toml:7:3 (sessions of east); pins that were copied from one half to the other collide if both run on one host: give each half ports of its own
`},
		{name: "the same address, other ports", b: func(app *config.Application) {
			with("10.2.0.1")(app)
			app.Upstream.Source.Ports = []policy.PortRange{{First: 20005, Last: 20008}}
		}, want: agree},
		{name: "the same source, exchanged", a: func(app *config.Application) {
			app.Upstream.Source.BackupPorts = []policy.PortRange{{First: 20011, Last: 20011}}
			app.Upstream.Source.BackupPortsAt = placeOf("1.toml", 8, "")
		}, b: func(app *config.Application) {
			with("10.2.0.1")(app)
			app.Upstream.Primary, app.Upstream.Backup = app.Upstream.Backup, config.Located[config.Endpoint]{}
			app.Upstream.Source.Ports = []policy.PortRange{{First: 20011, Last: 20012}}
		}, want: `upstreams:
  warning: application "east": reaches 192.0.2.1:2021, 192.0.2.2:2021 at 1.toml:4:3, and 192.0.2.2:2021 at 2.toml:5:3
source ports:
  port 20011: both connect from 10.2.0.1 to 192.0.2.2:2021: 1.toml:8:3 (sessions of the backup of east), and 2.toml:7:3 (sessions of east); pins that were copied from one half to the other collide if both run on one host: give each half ports of its own
`},
		{name: "no source address", a: with(), b: with(), want: `source ports:
  warning: ports 20001-20004: both connect from no address in particular to 192.0.2.1:2021: 1.toml:7:3 (sessions of east), and 2.toml:7:3 (sessions of east); they collide if both run on one host: give each half ports of its own, or set address
1.toml and 2.toml agree, 1 warning
`},
		{name: "one source address", b: with(), want: agree},
		{name: "loopback is another on each host", a: with("127.0.0.1"), b: with("127.0.0.1"), want: agree},
		{name: "loopback on one host", a: with("127.0.0.1"), b: with("127.0.0.1"), sameHost: true, want: `source ports:
  ports 20001-20004: both connect from 127.0.0.1 to 192.0.2.1:2021: 1.toml:7:3 (sessions of east), and 2.toml:7:3 (sessions of east); pins that were copied from one half to the other collide if both run on one host: give each half ports of its own
addresses:
  port east/secure listens on 10.0.0.1:2021 at 1.toml:11:3, and port east/secure on 10.0.0.1:2021 at 2.toml:11:3: on one host only one of them can
`},
		{name: "one source address on one host", b: func(app *config.Application) {
			with()(app)
			listenOn("tcp4", "10.0.0.2:2021")(app)
		}, sameHost: true, want: `source ports:
  ports 20001-20004: both connect from any address to 192.0.2.1:2021: 1.toml:7:3 (sessions of east), and 2.toml:7:3 (sessions of east); pins that were copied from one half to the other collide if both run on one host: give each half ports of its own
`},
		{name: "other ports on one host", b: listenOn("tcp", ":2022"), sameHost: true, want: agree},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmpr := &comparison{a: half("1.toml", c.a), b: half("2.toml", c.b), sameHost: c.sameHost}
			cmpr.run()
			var b strings.Builder
			cmpr.print(&b)
			if diff := cmp.Diff(c.want, b.String()); diff != "" {
				t.Errorf("differences (-want +got):\n%s", diff)
			}
		})
	}
}

func autoDetect(silent config.SilentClient) func(*config.Application) {
	return func(app *config.Application) {
		app.Ports[0].Mode.Value, app.Ports[0].SilentClient = config.ModeAutoDetect, silent
	}
}

func listenOn(network, address string) func(*config.Application) {
	return func(app *config.Application) {
		app.Ports[0].Listen.Value = config.Address{Network: network, Address: address}
	}
}

func TestOverlap(t *testing.T) {
	address := func(text string) config.Address {
		network, rest, _ := strings.Cut(text, " ")
		return config.Address{Network: network, Address: rest}
	}
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"tcp4 10.0.0.1:1", "tcp4 10.0.0.1:1", true},
		{"tcp4 10.0.0.1:1", "tcp4 10.0.0.1:2", false},
		{"tcp4 10.0.0.1:1", "tcp4 10.0.0.2:1", false},
		{"tcp4 0.0.0.0:1", "tcp4 10.0.0.2:1", true},
		{"tcp4 0.0.0.0:1", "tcp6 [2001:db8::1]:1", false},
		{"tcp :1", "tcp6 [2001:db8::1]:1", true},
		{"tcp [::]:1", "tcp4 10.0.0.1:1", true},
		{"tcp4 10.0.0.1:0", "tcp4 10.0.0.1:0", false},
		{"unix /run/a", "unix /run/a", true},
		{"unix /run/a", "unix /run/b", false},
		{"unix /run/a", "tcp4 10.0.0.1:1", false},
	} {
		if got, other := overlap(address(c.a), address(c.b)), overlap(address(c.b), address(c.a)); got != c.want || other != c.want {
			t.Errorf("%s and %s: %v, and the other way %v, want %v", c.a, c.b, got, other, c.want)
		}
	}
}

// TestCosmetic holds what is taken for cosmetic against what policies are told to differ in.
func TestCosmetic(t *testing.T) {
	ports := func(texts ...string) (all []policy.PortRange) {
		for _, text := range texts {
			r, err := policy.ParsePortRange(text)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, r)
		}
		return all
	}
	source := func(owner string, ranges ...policy.PortRange) *policy.Source {
		return &policy.Source{
			Clients: []policy.Client{{Name: "c", Ports: ranges}},
			Rules:   []policy.Rule{{ID: "r", From: []string{"c"}, To: []string{"a/p"}, Owner: owner}},
		}
	}
	for _, c := range []struct {
		name string
		b    *policy.Source
		want bool
	}{
		{"owner", source("you", ports("20001-20004")...), true},
		{"written otherwise", source("me", ports("20001-20002", "20003-20004")...), true},
		{"wider", source("me", ports("20001-20005")...), false},
		{"narrower", source("me", ports("20001")...), false},
		{"others", source("me", ports("20011")...), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			changes := policy.Diff(source("me", ports("20001-20004")...), c.b)
			if len(changes) != 1 {
				t.Fatalf("changes: %v, want one", changes)
			}
			if got := cosmetic(changes[0]); got != c.want {
				t.Errorf("%s: cosmetic %v, want %v", changes[0], got, c.want)
			}
		})
	}
}
