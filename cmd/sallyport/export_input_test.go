package main

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sallyport/internal/firewall"
)

// exportConfig is one application with a port; the gaps are what is tested.
const exportConfig = `
[host]
name = "cti-1"
certificate = "host.crt"
certificate_key = "host.key"
[policy]
files = ["policy.toml"]
[[application]]
name = "a"
%s
[[application.port]]
id = "p"
mode = "auto-detect"
%s
`

const (
	localUpstream = `upstream.primary = "127.0.0.1:2020"`
	localPort     = `listen = "127.0.0.1:2021"`
)

func (s *site) intent() *intent {
	s.t.Helper()
	read, problems := readIntent(filepath.Join(s.dir, "config.toml"))
	if problems.HasErrors() {
		s.t.Fatal(problems)
	}
	return read
}

// exported reads a configuration as an export with flags does.
func exported(t *testing.T, upstream, port string, flags exportFlags) (*firewall.Input, *site, error) {
	t.Helper()
	s := newSite(t)
	s.file("config.toml", fmt.Sprintf(exportConfig, upstream, port))
	flags.reproducible = true
	if flags.at == "" {
		flags.at = "host"
	}
	asked, err := flags.understand()
	if err != nil {
		return nil, s, err
	}
	in, err := asked.input(t.Context(), s.intent())
	return in, s, err
}

func TestExportServices(t *testing.T) {
	for _, c := range []struct {
		name, port string
		reachedAt  []string
		want       string
	}{
		{"both families", `listen = ":2021"`, nil, "invalid IP 2021 [] []"},
		{"both families, as IPv6", `listen = "[::]:2021"`, nil, "invalid IP 2021 [] []"},
		{"every IPv4 address", `listen = "0.0.0.0:2021"`, nil, "0.0.0.0 2021 [] []"},
		{"an IPv4 address", `listen = "10.1.0.4:2021"`, nil, "10.1.0.4 2021 [] []"},
		{"an IPv6 address", `listen = "[2001:db8::4]:2021"`, nil, "2001:db8::4 2021 [] []"},
		{"a UNIX socket", `listen = "unix:p.sock"`, nil, "invalid IP 0 [] [] on unix:p.sock"},
		{"a socket of systemd", `listen = "systemd:p"`, []string{"192.0.2.1"}, "invalid IP 0 [] [] on systemd:p"},
		{"a socket of systemd that is known", `listen = "systemd:p"`, []string{"a/p=192.0.2.1:443"}, "invalid IP 0 [192.0.2.1:443] [] on systemd:p"},
		{"a port that the system chooses", `listen = "10.1.0.4:0"`, nil, "invalid IP 0 [] [] at a port that the system chooses"},
		{"behind balancers", "listen = \":2021\"\nproxy_protocol = \"require\"\nproxy_trusted = [\"10.0.0.0/24\", \"10.0.1.7\"]", nil,
			"invalid IP 2021 [] [10.0.0.0/24 10.0.1.7/32]"},
		{"reached at its port", `listen = ":2021"`, []string{"192.0.2.1", "2001:db8::1"}, "invalid IP 2021 [192.0.2.1:2021 [2001:db8::1]:2021] []"},
		{"reached at another port", `listen = ":2021"`, []string{"192.0.2.1:443"}, "invalid IP 2021 [192.0.2.1:443] []"},
		{"reached in its family", `listen = "0.0.0.0:2021"`, []string{"192.0.2.1", "[2001:db8::1]"}, "0.0.0.0 2021 [192.0.2.1:2021] []"},
		{"an address of its own is not that of all", `listen = "10.1.0.4:2021"`, []string{"192.0.2.1"}, "10.1.0.4 2021 [] []"},
		{"its own name", `listen = "10.1.0.4:2021"`, []string{"192.0.2.1", "a/p=192.0.2.9"}, "10.1.0.4 2021 [192.0.2.9:2021] []"},
		{"its own name twice", `listen = ":2021"`, []string{"a/p=192.0.2.9:443", "a/p=[2001:db8::9]:443"},
			"invalid IP 2021 [192.0.2.9:443 [2001:db8::9]:443] []"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in, s, err := exported(t, localUpstream, c.port, exportFlags{placeFlags: placeFlags{reachedAt: c.reachedAt}})
			if err != nil {
				t.Fatal(err)
			}
			service := in.Services[0]
			got := fmt.Sprint(service.Listen.Addr(), " ", service.Listen.Port(), " ", service.ReachedAt, " ", service.Balancers)
			if service.Unknown != "" {
				got += " " + strings.ReplaceAll(service.Unknown, s.dir+string(filepath.Separator), "")
			}
			if got != c.want || service.Name() != "a/p" || len(in.Services) != 1 {
				t.Errorf("%s: %s, want %s", service.Name(), got, c.want)
			}
		})
	}
}

func TestExportPins(t *testing.T) {
	const source = `upstream.source = { address = ["10.2.0.5", "2001:db8::5"], ports = "20001-20004, 20009" }`
	for _, c := range []struct {
		name, upstream, port string
		resolve              []string
		want                 []string
	}{
		{"none", localUpstream, "", nil, nil},
		{"primary and backup", "upstream.primary = \"192.0.2.1:2020\"\nupstream.backup = \"[2001:db8::2]:2020\"\n" + source, "", nil, []string{
			"a sessions [10.2.0.5 2001:db8::5] [20001-20004 20009] > 192.0.2.1:2020 false",
			"a sessions [10.2.0.5 2001:db8::5] [20001-20004 20009] > [2001:db8::2]:2020 false",
		}},
		{"ports for each use, in TLS", `upstream.primary = "192.0.2.1:2020"
upstream.backup = "192.0.2.2:2020"
upstream.tls.trusted_ca = "ca.crt"
upstream.source = { address = "10.2.0.5", ports = "20001", backup_ports = "20011", health_ports = "20021" }`, "", nil, []string{
			"a sessions [10.2.0.5] [20001] > 192.0.2.1:2020 true",
			"a sessions of the backup [10.2.0.5] [20011] > 192.0.2.2:2020 true",
			"a health checks [10.2.0.5] [20021] > 192.0.2.1:2020 true",
			"a health checks [10.2.0.5] [20021] > 192.0.2.2:2020 true",
		}},
		{"an address without ports", "upstream.primary = \"192.0.2.1:2020\"\nupstream.source = { address = \"10.2.0.5\" }", "", nil, []string{
			"a sessions [10.2.0.5] [] > 192.0.2.1:2020 false"}},
		{"ports without an address", "upstream.parallel = [\"192.0.2.1:2020\", \"192.0.2.2:2020\"]\nupstream.source = { ports = \"20001\" }", "", nil, []string{
			"a sessions [] [20001] > 192.0.2.1:2020 false",
			"a sessions [] [20001] > 192.0.2.2:2020 false",
		}},
		{"a name with several addresses", "upstream.primary = \"CS.example.com:2020\"\nupstream.source = { ports = \"20001\" }", "",
			[]string{"cs.Example.com=192.0.2.2,2001:db8::2", "cs.example.com=192.0.2.1", "cs.example.com=192.0.2.2"}, []string{
				"a sessions [] [20001] > 192.0.2.1:2020 false",
				"a sessions [] [20001] > 192.0.2.2:2020 false",
				"a sessions [] [20001] > [2001:db8::2]:2020 false",
				"cs.example.com is [192.0.2.1 192.0.2.2 2001:db8::2]",
			}},
		{"a server of its own for a server name", localUpstream,
			"[[application.port.sni]]\nnames = [\"x.example.com\"]\nupstream = { primary = \"192.0.2.3:2020\", source = { ports = \"20031\" } }", nil, []string{
				"a sessions [] [20031] > 192.0.2.3:2020 false"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			in, _, err := exported(t, c.upstream, localPort+"\n"+c.port, exportFlags{placeFlags: placeFlags{resolve: c.resolve}})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range in.Pins {
				got = append(got, fmt.Sprint(p.Application, " ", p.Use, " ", p.Addresses, " ", p.Ports, " > ", p.Destination, " ", p.TLS))
			}
			for _, n := range in.Header.Names {
				got = append(got, fmt.Sprintf("%s is %v", n.Name, n.Addresses))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("pins (-want +got):\n%s", diff)
			}
		})
	}
}

func TestExportHeader(t *testing.T) {
	in, s, err := exported(t, localUpstream, localPort, exportFlags{at: "between", asOf: "2026-06-01", application: "a"})
	if err != nil {
		t.Fatal(err)
	}
	read := s.intent()
	want := &firewall.Input{
		Policy: in.Policy, At: firewall.AtBetween, Now: in.Now, Application: "a",
		Services: []firewall.Service{{Application: "a", Port: "p", Listen: netip.MustParseAddrPort("127.0.0.1:2021")}},
		Header:   firewall.Header{Host: "cti-1", PolicyHash: read.hash, Notes: []string{"The rules are those of 2026-06-01."}},
	}
	comparable := cmpopts.EquateComparable(netip.AddrPort{}, in.Policy)
	if diff := cmp.Diff(want, in, comparable, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("input (-want +got):\n%s", diff)
	}
	if in.Policy == nil || read.hash == "" || in.Now.Format("2006-01-02") != "2026-06-01" {
		t.Errorf("policy %v with hash %q at %s", in.Policy != nil, read.hash, in.Now)
	}
}

func TestExportQuestionsAboutNothing(t *testing.T) {
	for _, c := range []struct {
		name  string
		flags exportFlags
		want  string
	}{
		{"a position", exportFlags{at: "router"}, `--at: "router" is no position: it is host, server, client or between`},
		{"an application", exportFlags{application: "b"}, `--application: there is no "b": it is one of a`},
		{"a client", exportFlags{client: "east"}, `--client: the policy has no client "east"`},
		{"a port", exportFlags{placeFlags: placeFlags{reachedAt: []string{"a/q=192.0.2.1"}}}, `--reached-at: there is no port "a/q"`},
		{"every address", exportFlags{placeFlags: placeFlags{reachedAt: []string{"0.0.0.0:443"}}}, `--reached-at: "0.0.0.0:443" is not an address that clients could connect to`},
		{"a name for an address", exportFlags{placeFlags: placeFlags{reachedAt: []string{"example.com:443"}}}, `--reached-at: "example.com:443" is not an address`},
		{"an address for a name", exportFlags{placeFlags: placeFlags{resolve: []string{"192.0.2.1"}}}, `--resolve: "192.0.2.1" names no address`},
		{"a name without an address", exportFlags{placeFlags: placeFlags{resolve: []string{"a.example.com=b"}}}, `--resolve: "b" is not an address`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := exported(t, localUpstream, localPort, c.flags)
			if err == nil {
				t.Fatal("no error")
			}
			if got, _, _ := strings.Cut(err.Error(), "\n"); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestExportOfDaysIsReproducibleOnlyOnADay(t *testing.T) {
	s := newSite(t)
	s.file("policy.toml", sitePolicy+"expires = 2099-01-01\n")
	asked, err := (&exportFlags{at: "host", reproducible: true}).understand()
	if err != nil {
		t.Fatal(err)
	}
	const want = "--reproducible: rules have first or last days, so the day of the export counts: name it with --as-of"
	if _, err := asked.input(t.Context(), s.intent()); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
