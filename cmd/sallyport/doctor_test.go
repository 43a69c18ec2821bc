package main

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/admin"
	"sallyport/internal/config"
)

// healthyHost is a host on which doctor finds nothing.
func healthyHost() host {
	h := quietHost().
		with("fs.inotify.max_user_watches", "192536").with("fs.inotify.max_user_instances", "128").
		with("net.core.rmem_max", "8388608").with("net.core.wmem_max", "8388608")
	h.route = func(from netip.Addr, _ netip.AddrPort) (netip.Addr, error) {
		return netip.MustParseAddr("10.2.0.5"), nil
	}
	h.sockets = func() ([]tcpSocket, error) { return nil, nil }
	h.inodes = func(int) (map[uint64]bool, error) { return map[uint64]bool{77: true}, nil }
	h.descriptors = func(int) (int, error) { return 65536, nil }
	h.clock = func() (clockState, error) { return clockState{true, 12 * time.Millisecond}, nil }
	h.now = func() time.Time { return time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC) }
	return h
}

// examined is an examination of a host, with source ports 20001-20004 from 10.2.0.5.
func examined(t *testing.T, h host) *examination {
	cfg := sourced(&config.Source{
		Addresses: []config.Located[netip.Addr]{address("10.2.0.5")},
		Ports:     portRanges(t, "20001-20004"),
	})
	cfg.Reload.Watch = true
	return &examination{
		host:    h,
		path:    "a.toml",
		planner: &planner{plan: &plan{config: cfg, maxConnections: 30000}},
		config:  cfg,
		pins:    pinsOf(cfg),
	}
}

func (x *examination) asRunning() *examination {
	x.running = &admin.Status{Version: "1", PID: 4711, State: admin.StateReady, Generation: 3, Sessions: admin.Sessions{Active: 5, Max: 30000}}
	return x
}

func TestDoctorFindsNothing(t *testing.T) {
	var b strings.Builder
	d := newDiagnosis("a.toml", examined(t, healthyHost()).asRunning().findings())
	if err := d.write(&b, false); err != nil {
		t.Fatal(err)
	}
	want := `ok       configuration: 1 application, 0 ports
ok       running: sallyport 1, pid 4711, is ready with generation 3
ok       addresses: those of 1 upstream are addresses of this host
ok       port range: the system gives no source port to other connections
ok       privileges: no source port takes a privilege that is missing
ok       ports in use: no other program is on source ports; 0 connections of
         sallyport
ok       timestamps: TCP timestamps are on: a source port can be used again at
         once
ok       routes: a.toml:4:3: 192.0.2.1:2021 is reached from 10.2.0.5
ok       routes: a.toml:4:3: 192.0.2.2:2021 is reached from 10.2.0.5
ok       clock: synchronised, wrong by 12ms at most
ok       descriptors: the running sallyport may open 65536 files and hold 30000
         connections
ok       watches: N directories are to be watched, and a user may watch 192536
ok       UDP buffers: as large as QUIC wants them
a.toml: no problem found
`
	if diff := cmp.Diff(want, withoutDirectories(b.String())); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

// withoutDirectories takes out what depends on where the tests run.
func withoutDirectories(text string) string {
	before, after, ok := strings.Cut(text, "watches: ")
	if !ok {
		return text
	}
	return before + "watches: N" + strings.TrimLeft(after, "0123456789")
}

// sockets returns a host with these TCP sockets.
func (h host) withSockets(sockets ...tcpSocket) host {
	h.sockets = func() ([]tcpSocket, error) { return sockets, nil }
	return h
}

func tcpBetween(local, remote string, state tcpState, inode uint64) tcpSocket {
	return tcpSocket{netip.MustParseAddrPort(local), netip.MustParseAddrPort(remote), state, 998, inode}
}

func TestDoctorFindings(t *testing.T) {
	denied := &fs.PathError{Op: "open", Path: "/proc/4711/fd", Err: syscall.EACCES}
	for _, c := range []struct {
		name string
		look func(*examination) []finding
		with func(*examination)
		want string
	}{
		{"errors of the configuration", soundConfiguration, func(x *examination) {
			x.planner.problems = config.Problems{at(3, "admin.listen", "").Problem("is wrong", "mend it"), at(4, "host.name", "").Warning("is odd", "")}
		}, "problem  a.toml:3:3: admin.listen: is wrong\n         hint: mend it\n"},
		{"warnings of the configuration", soundConfiguration, func(x *examination) {
			x.planner.problems = config.Problems{at(4, "host.name", "").Warning("is odd", "")}
		}, "ok       1 application, 0 ports; 1 warning, which \"sallyport check\" prints\n"},

		{"nothing runs", whoRuns, nil, "ok       no sallyport runs with this configuration\n"},
		{"something runs but does not answer", whoRuns, func(x *examination) { x.silence = errors.New("no answer") },
			"unknown  no answer\n"},
		{"the latest reload failed", whoRuns, func(x *examination) { x.asRunning().running.LastFailure = &admin.Reload{} },
			"ok       sallyport 1, pid 4711, is ready with generation 3\n" +
				"warning  its latest reload failed: what runs is not what the files say\n         hint: \"sallyport status\" says why\n"},

		{"an absent address", sourceAddresses, func(x *examination) {
			x.host.addresses = func() ([]netip.Addr, error) { return nil, nil }
		}, "problem  a.toml:9:3: source.address: 10.2.0.5 is not an address of this host\n" +
			"         hint: on the host that it is for, sessions are refused\n         (upstream_source_absent) as long as that does not have it\n"},
		{"no source address", sourceAddresses, func(x *examination) { x.config = new(config.Config) },
			"ok       no upstream has a source address\n"},
		{"addresses are not told", sourceAddresses, func(x *examination) {
			x.host.addresses = func() ([]netip.Addr, error) { return nil, denied }
		}, "unknown  could not look: open /proc/4711/fd: permission denied\n"},
		{"kernel-chosen ports", sourcePortRange, func(x *examination) { x.host = x.host.with(portRangeSysctl, "10000 60000") },
			`warning  a.toml:10:3: source.ports: the system gives ports 20001-20004 to any
         connection (net.ipv4.ip_local_port_range is 10000-60000)
         hint: reserve them with:
         sysctl -w net.ipv4.ip_local_reserved_ports=20001-20004
         for good, put into /etc/sysctl.d/90-sallyport.conf:
         net.ipv4.ip_local_reserved_ports=20001-20004
`},
		{"settings are garbled", sourcePortRange, func(x *examination) { x.host = x.host.with(reservedSysctl, "x") },
			"unknown  could not look: \"x\" is not a list of ports\n"},
		{"settings are not there", sourcePortRange, func(x *examination) {
			x.host.sysctl = func(string) (string, error) { return "", errors.ErrUnsupported }
		}, "unknown  could not look: this system does not tell\n"},
		{"privileged ports", sourcePrivileges, func(x *examination) { x.host = x.host.with(unprivilegedSysctl, "20003") },
			`warning  a.toml:10:3: source.ports: ports 20001-20002 are below 20003, and this
         process may not use such
         hint: grant it CAP_NET_BIND_SERVICE (AmbientCapabilities= in the
         systemd unit), or choose ports from 1024 to 32767
`},
		{"no source ports", sourcePrivileges, func(x *examination) { x.pins = nil }, "ok       no upstream has source ports\n"},
		{"timestamps off", timestamps, func(x *examination) { x.host = x.host.with(timestampsSysctl, "0") },
			`warning  TCP timestamps are off: a source port whose connection was closed from
         here cannot be used again for 60 s
         hint: sysctl -w net.ipv4.tcp_timestamps=1
`},

		{"an unsynchronised clock", clock, func(x *examination) {
			x.host.clock = func() (clockState, error) { return clockState{}, nil }
		}, "warning  it is not synchronised; it says 2026-11-01T12:00:00Z\n" +
			"         hint: certificates and rules that expire go by it; have NTP keep it\n         (systemd-timesyncd, chrony)\n"},
		{"a clock in the past", clock, func(x *examination) { x.host.built = x.host.now().AddDate(0, 1, 0) },
			`problem  it is 2026-11-01, which is before this program was made (2026-12-01):
         certificates will seem to be not valid yet
         hint: set the clock, and have NTP keep it
`},
		{"a clock that is not told", clock, func(x *examination) {
			x.host.clock = func() (clockState, error) { return clockState{}, errors.ErrUnsupported }
		}, "unknown  could not look: this system does not tell\n"},

		{"few descriptors", descriptors, func(x *examination) {
			x.asRunning().running.Sessions.Max = 400
			x.host.descriptors = func(int) (int, error) { return 1024, nil }
		}, "warning  the running sallyport may open 1024 files and hold 400 connections\n" +
			"         hint: raise the limit (ulimit -n, or LimitNOFILE= in the systemd unit)\n"},
		{"few connections, as was asked for", descriptors, func(x *examination) {
			x.asRunning().running.Sessions.Max = 400
			x.config.Limits.MaxConnections = at(1, "limits.max_connections", 400)
		}, "ok       the running sallyport may open 65536 files and hold 400 connections\n"},
		{"most connections are in use", descriptors, func(x *examination) { x.asRunning().running.Sessions.Active = 27000 },
			`warning  the running sallyport may open 65536 files and hold 30000 connections;
         27000 are in use
         hint: raise the limit (ulimit -n, or LimitNOFILE= in the systemd unit),
         and limits.max_connections where it is set
`},
		{"descriptors are not told", descriptors, func(x *examination) {
			x.asRunning().host.descriptors = func(int) (int, error) { return 0, denied }
		}, "unknown  could not look: open /proc/4711/fd: permission denied\n"},

		{"deaf directories", watches, func(x *examination) {
			x.asRunning().running.Watch = admin.Watch{Directories: 5, Deaf: 2, Error: "no space left on device"}
		}, "warning  2 of 7 directories cannot be watched and are looked at every few\n         seconds\n         hint: no space left on device\n"},
		{"few instances", watches, func(x *examination) { x.host = x.host.with("fs.inotify.max_user_instances", "3") },
			"warning  only 3 programs of a user may watch files\n         hint: sysctl -w fs.inotify.max_user_instances=128\n"},
		{"nothing is watched", watches, func(x *examination) { x.config.Reload.Watch = false },
			"ok       files are not watched ([reload] watch)\n"},
		{"small buffers", udpBuffers, func(x *examination) { x.host = x.host.with("net.core.rmem_max", "212992") },
			"note     net.core.rmem_max is 212992; QUIC wants 7340032\n         hint: sysctl -w net.core.rmem_max=7340032\n"},
		{"buffers are not told", udpBuffers, func(x *examination) { x.host = quietHost() },
			"unknown  could not look: file does not exist\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := examined(t, healthyHost())
			if c.with != nil {
				c.with(x)
			}
			checkFindings(t, c.want, c.look(x))
		})
	}
}

// checkFindings compares findings as they are printed, without the name of the check.
func checkFindings(t *testing.T, want string, findings []finding) {
	t.Helper()
	var b strings.Builder
	for _, f := range findings {
		f.Check = "?"
		f.write(&b)
	}
	unnamed := strings.ReplaceAll(b.String(), " ?: ", " ")
	// Without the name, lines break elsewhere only if they were close to the margin; compare words.
	if diff := cmp.Diff(strings.Fields(want), strings.Fields(unnamed)); diff != "" {
		t.Errorf("findings (-want +got):\n%s\n%s", diff, b.String())
	}
	for line := range strings.Lines(b.String()) {
		if len([]rune(line)) > pageWidth+1 && !strings.Contains(line, "sysctl") {
			t.Errorf("the line is too long for the page: %q", line)
		}
	}
}

func TestDoctorSockets(t *testing.T) {
	blind := healthyHost()
	blind.inodes = func(int) (map[uint64]bool, error) { return nil, os.ErrPermission }
	var crowd []tcpSocket
	for range 12 {
		crowd = append(crowd, tcpBetween("10.2.0.5:20001", "192.0.2.9:80", tcpEstablished, 5))
	}
	const unlisted = `note 0 connections of sallyport `
	for _, c := range []struct {
		name string
		host host
		want string
	}{
		{"other ports, other addresses", healthyHost().withSockets(
			tcpBetween("10.2.0.5:20005", "192.0.2.1:2021", tcpEstablished, 5), tcpBetween("10.2.0.6:20001", "192.0.2.1:2021", tcpEstablished, 5)),
			"ok no other program is on source ports; 0 connections of sallyport"},
		{"its own, and those that rest", healthyHost().withSockets(
			tcpBetween("10.2.0.5:20001", "192.0.2.1:2021", tcpEstablished, 77), tcpBetween("10.2.0.5:20002", "192.0.2.1:2021", tcpTimeWait, 0),
			tcpBetween("10.2.0.5:20003", "192.0.2.1:2021", tcpFinWait2, 0)),
			"ok no other program is on source ports; 1 connection of sallyport; 2 that have ended are at rest (TIME-WAIT)"},
		{"a listener", healthyHost().withSockets(tcpBetween("0.0.0.0:20001", "0.0.0.0:0", tcpListen, 5)),
			`problem a.toml:10:3: another program listens on 0.0.0.0:20001 (uid 998, inode 5), so connections cannot come from it
			hint: "ss -lntp sport = :20001" names it; give it or sallyport other ports ` + unlisted},
		{"a listener on both families", healthyHost().withSockets(tcpBetween("[::]:20001", "[::]:0", tcpListen, 5)),
			`problem a.toml:10:3: another program listens on [::]:20001 (uid 998, inode 5), so connections cannot come from it
			hint: "ss -lntp sport = :20001" names it; give it or sallyport other ports ` + unlisted},
		{"a connection", healthyHost().withSockets(tcpBetween("10.2.0.5:20004", "192.0.2.9:80", tcpEstablished, 5)),
			`warning a.toml:10:3: another program has a connection from 10.2.0.5:20004 to 192.0.2.9:80 (ESTABLISHED, uid 998, inode 5)
			hint: "ss -ntp sport = :20004" names it; reserve the port if the system chose it. A sallyport that drains after a restart gives it back ` + unlisted},
		{"not known whose", blind.withSockets(
			tcpBetween("10.2.0.5:20001", "192.0.2.1:2021", tcpEstablished, 77), tcpBetween("10.2.0.5:20002", "0.0.0.0:0", tcpListen, 78)),
			`problem a.toml:10:3: another program listens on 10.2.0.5:20002 (uid 998, inode 78), so connections cannot come from it
			hint: "ss -lntp sport = :20002" names it; give it or sallyport other ports note 1 connection, perhaps of sallyport
			unknown could not look: which sockets are those of the running sallyport: permission denied`},
	} {
		t.Run(c.name, func(t *testing.T) {
			checkFindings(t, c.want, portsInUse(examined(t, c.host).asRunning()))
		})
	}
	t.Run("bounded", func(t *testing.T) {
		crowd = append(crowd, tcpBetween("10.2.0.5:20001", "0.0.0.0:0", tcpListen, 5))
		all := portsInUse(examined(t, healthyHost().withSockets(crowd...)))
		last := all[len(all)-2]
		if want := (finding{Level: levelProblem, Text: "and 3 more"}); len(all) != mostSockets+2 || last != want {
			t.Errorf("%d findings, the last but one %+v, want %+v", len(all), last, want)
		}
	})
}

func TestDoctorRoutes(t *testing.T) {
	for _, c := range []struct {
		name   string
		source *config.Source
		route  func(from netip.Addr) (string, error)
		want   string
	}{
		{"without a source", nil, func(netip.Addr) (string, error) { return "10.2.0.5", nil },
			"ok a.toml:4:3: 192.0.2.1:1 is reached from 10.2.0.5, as the system chooses"},
		{"no way", nil, func(netip.Addr) (string, error) { return "", syscall.ENETUNREACH },
			"problem a.toml:4:3: no way to 192.0.2.1:1: " + syscall.ENETUNREACH.Error()},
		{"another family", &config.Source{Addresses: []config.Located[netip.Addr]{address("2001:db8::5")}}, nil,
			"problem a.toml:4:3: no source address is of the family of 192.0.2.1:1 hint: add one to address in [application.upstream.source]"},
		{"no way from there", &config.Source{Addresses: []config.Located[netip.Addr]{address("10.2.0.5")}},
			func(from netip.Addr) (string, error) {
				if from.IsValid() {
					return "", syscall.ENETUNREACH
				}
				return "10.2.0.9", nil
			},
			"problem a.toml:4:3: no way from 10.2.0.5 to 192.0.2.1:1: " + syscall.ENETUNREACH.Error()},
		{"the system would choose another", &config.Source{Addresses: []config.Located[netip.Addr]{address("10.2.0.5")}},
			func(netip.Addr) (string, error) { return "10.2.0.9", nil },
			`note a.toml:4:3: 192.0.2.1:1 is reached from 10.2.0.5; by itself the system would choose 10.2.0.9
			hint: answers have to come back to that address: look at the routes of both sides, and at rp_filter`},
		{"an absent address", &config.Source{Addresses: []config.Located[netip.Addr]{address("10.2.0.6")}}, nil,
			"unknown a.toml:4:3: could not look: 10.2.0.6 is not an address of this host"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := examined(t, healthyHost())
			x.config.Applications[0].Upstream = config.Upstream{Primary: tcpEndpoint("192.0.2.1:1"), Source: c.source}
			if c.route != nil {
				x.host.route = func(from netip.Addr, _ netip.AddrPort) (netip.Addr, error) {
					text, err := c.route(from)
					a, _ := netip.ParseAddr(text)
					return a, err
				}
			}
			checkFindings(t, c.want, routes(x))
		})
	}
	x := examined(t, healthyHost())
	x.config.Applications[0].Upstream = config.Upstream{Primary: tcpEndpoint("db.example.com:1")}
	checkFindings(t, "ok no upstream has a literal address", routes(x))
}

func TestWatchedDirectories(t *testing.T) {
	root := filepath.VolumeName(t.TempDir()) + string(filepath.Separator)
	files := []string{filepath.Join(root, "a", "b", "x"), filepath.Join(root, "a", "c", "y"), filepath.Join(root, "a", "c", "z")}
	if got, want := watchedDirectories(files), 4; got != want {
		t.Errorf("%d directories, want %d: the root, a, b and c", got, want)
	}
}

// TestThisHost looks at the host that the tests run on: what it tells is not known, but it has to be told.
func TestThisHost(t *testing.T) {
	h := thisHost()
	own, err := h.addresses()
	if err != nil || !holds(own, netip.MustParseAddr("127.0.0.1")) {
		t.Errorf("addresses %v, %v", own, err)
	}
	loopback := netip.MustParseAddr("127.0.0.1")
	if from, err := h.route(loopback, netip.AddrPortFrom(loopback, 9)); from != loopback || err != nil {
		t.Errorf("from loopback to loopback: from %v, %v", from, err)
	}
	for name, look := range map[string]func() error{
		"port range": func() error { _, err := h.kernelChosen(); return err },
		"reserved":   func() error { _, err := h.reserved(); return err },
		"low ports":  func() error { _, err := h.lowPorts(); return err },
		"sockets":    func() error { _, err := h.sockets(); return err },
		"inodes":     func() error { _, err := h.inodes(os.Getpid()); return err },
		"limit":      func() error { _, err := h.descriptors(os.Getpid()); return err },
	} {
		if err := look(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
