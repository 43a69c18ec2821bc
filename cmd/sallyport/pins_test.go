package main

import (
	"errors"
	"io/fs"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/config"
	"sallyport/policy"
)

// at places a value in a file.
func at[T any](line int, key string, value T) config.Located[T] {
	return config.Located[T]{Value: value, Pos: config.Position{File: "a.toml", Line: line, Column: 3}, Key: key, Set: true}
}

func tcpEndpoint(address string) config.Located[config.Endpoint] {
	return at(4, "primary", config.Endpoint{Network: "tcp", Address: address})
}

func portRanges(t testing.TB, text string) []policy.PortRange {
	t.Helper()
	ranges, err := parseKernelRanges(text)
	if err != nil {
		t.Fatal(err)
	}
	return ranges
}

// sourced is a configuration with one application, from source to a primary and a backup.
func sourced(source *config.Source) *config.Config {
	source.PortsAt = at(10, "source.ports", "")
	source.BackupPortsAt = at(11, "source.backup_ports", "")
	source.HealthPortsAt = at(12, "source.health_ports", "")
	return &config.Config{Path: "a.toml", Applications: []config.Application{{
		Name:     at(1, "name", "east"),
		Upstream: config.Upstream{Primary: tcpEndpoint("192.0.2.1:2021"), Backup: tcpEndpoint("192.0.2.2:2021"), Source: source},
	}}}
}

func address(text string) config.Located[netip.Addr] {
	return at(9, "source.address", netip.MustParseAddr(text))
}

func TestPinsOf(t *testing.T) {
	primary := config.Endpoint{Network: "tcp", Address: "192.0.2.1:2021"}
	backup := config.Endpoint{Network: "tcp", Address: "192.0.2.2:2021"}
	source := []netip.Addr{netip.MustParseAddr("10.2.0.5")}
	for _, c := range []struct {
		name   string
		source config.Source
		want   []pin
	}{
		{"an address alone pins nothing", config.Source{}, nil},
		{"one set for both", config.Source{Ports: portRanges(t, "20001-20004")}, []pin{
			{"east", forSessions, at(10, "source.ports", ""), source, portRanges(t, "20001-20004"), []config.Endpoint{primary, backup}},
		}},
		{"a set for each", config.Source{Ports: portRanges(t, "20001"), BackupPorts: portRanges(t, "20011"), HealthPorts: portRanges(t, "20021")}, []pin{
			{"east", forSessions, at(10, "source.ports", ""), source, portRanges(t, "20001"), []config.Endpoint{primary}},
			{"east", forBackup, at(11, "source.backup_ports", ""), source, portRanges(t, "20011"), []config.Endpoint{backup}},
			{"east", forHealth, at(12, "source.health_ports", ""), source, portRanges(t, "20021"), []config.Endpoint{primary, backup}},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.source.Addresses = []config.Located[netip.Addr]{address("10.2.0.5")}
			got := pinsOf(sourced(&c.source))
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(pin{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
				t.Errorf("pins (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPinsOfServerNames(t *testing.T) {
	cfg := sourced(&config.Source{})
	cfg.Applications[0].Ports = []config.Port{{Application: "east", ID: at(2, "id", "secure"), SNI: []config.SNI{{}, {
		Upstream: &config.Upstream{Primary: tcpEndpoint("192.0.2.3:1"), Source: &config.Source{Ports: portRanges(t, "20001")}},
	}}}}
	got := pinsOf(cfg)
	if len(got) != 1 || got[0].owner != "east/secure/sni1" {
		t.Errorf("pins: %+v, want those of east/secure/sni1", got)
	}
}

// quietHost is a host on which nothing is wrong with the source ports of the tests.
func quietHost() host {
	settings := map[string]string{
		portRangeSysctl:    "32768\t60999",
		reservedSysctl:     "",
		unprivilegedSysctl: "1024",
		timestampsSysctl:   "1",
	}
	return host{
		sysctl: func(name string) (string, error) {
			if text, known := settings[name]; known {
				return text, nil
			}
			return "", fs.ErrNotExist
		},
		addresses: func() ([]netip.Addr, error) { return []netip.Addr{netip.MustParseAddr("10.2.0.5")}, nil },
		lowPorts:  func() (bool, error) { return false, nil },
	}
}

// with returns the host with another value of one setting.
func (h host) with(name, value string) host {
	before := h.sysctl
	h.sysctl = func(asked string) (string, error) {
		if asked == name {
			return value, nil
		}
		return before(asked)
	}
	return h
}

func TestPlannerPins(t *testing.T) {
	powerful := quietHost()
	powerful.lowPorts = func() (bool, error) { return true, nil }
	silent := quietHost()
	silent.sysctl = func(string) (string, error) { return "", errors.ErrUnsupported }
	for _, c := range []struct {
		name   string
		host   host
		source config.Source
		want   string
	}{
		{"nothing is wrong", quietHost(), config.Source{Ports: portRanges(t, "20001-20004")}, ""},
		{"kernel-chosen", quietHost(), config.Source{Ports: portRanges(t, "32760-32770"), BackupPorts: portRanges(t, "40001,40003")},
			`a.toml:10:3: source.ports: warning: the system gives ports 32768-32770 to any connection (net.ipv4.ip_local_port_range is 32768-60999)
  hint: reserve them with: sysctl -w net.ipv4.ip_local_reserved_ports=32768-32770,40001,40003
  for good, put into /etc/sysctl.d/90-sallyport.conf: net.ipv4.ip_local_reserved_ports=32768-32770,40001,40003
a.toml:11:3: source.backup_ports: warning: the system gives ports 40001,40003 to any connection (net.ipv4.ip_local_port_range is 32768-60999)
  hint: reserve them with: sysctl -w net.ipv4.ip_local_reserved_ports=32768-32770,40001,40003
  for good, put into /etc/sysctl.d/90-sallyport.conf: net.ipv4.ip_local_reserved_ports=32768-32770,40001,40003`},
		{"what is reserved already stays so", quietHost().with(reservedSysctl, "8080,40000-40001"), config.Source{Ports: portRanges(t, "40001-40002")},
			`a.toml:10:3: source.ports: warning: the system gives port 40002 to any connection (net.ipv4.ip_local_port_range is 32768-60999)
  hint: reserve them with: sysctl -w net.ipv4.ip_local_reserved_ports=8080,40000-40002
  for good, put into /etc/sysctl.d/90-sallyport.conf: net.ipv4.ip_local_reserved_ports=8080,40000-40002`},
		{"all reserved", quietHost().with(reservedSysctl, "40000-40010"), config.Source{Ports: portRanges(t, "40001-40002")}, ""},
		{"privileged", quietHost(), config.Source{Ports: portRanges(t, "1023-1024")},
			`a.toml:10:3: source.ports: warning: port 1023 is below 1024, and this process may not use such
  hint: grant it CAP_NET_BIND_SERVICE (AmbientCapabilities= in the systemd unit), or choose ports from 1024 to 32767`},
		{"privileged, and so is the process", powerful, config.Source{Ports: portRanges(t, "1023-1024")}, ""},
		{"nothing is privileged", quietHost().with(unprivilegedSysctl, "0"), config.Source{Ports: portRanges(t, "1-2")}, ""},
		{"absent addresses", quietHost(), config.Source{Addresses: []config.Located[netip.Addr]{address("10.2.0.6"), address("2001:db8::5")}},
			`a.toml:9:3: source.address: warning: 10.2.0.6 is not an address of this host
  hint: on the host that it is for, sessions are refused (upstream_source_absent) as long as that does not have it
a.toml:9:3: source.address: warning: 2001:db8::5 is not an address of this host
  hint: on the host that it is for, sessions are refused (upstream_source_absent) as long as that does not have it`},
		{"addresses that are there", quietHost(), config.Source{Addresses: []config.Located[netip.Addr]{address("10.2.0.5"), address("127.8.8.8")}}, ""},
		{"what is not told is no problem", silent, config.Source{Ports: portRanges(t, "1,40001")}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &planner{plan: &plan{config: sourced(&c.source)}}
			p.pins(c.host)
			var got string
			if len(p.problems) > 0 {
				got = p.problems.Error()
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}
