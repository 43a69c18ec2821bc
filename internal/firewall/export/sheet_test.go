package export

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"sallyport/internal/firewall"
	"sallyport/policy"
)

// reviewMatrix is a small matrix with everything that one can have, texts that want to be formulas or markup included.
func reviewMatrix() *firewall.Matrix {
	flows := []firewall.Flow{
		{
			ID: "scanner.0a1b2c3d", Action: firewall.Deny, Origin: firewall.FromBlock, Rule: "scanner", Direction: firewall.Inbound,
			Source: reviewEnd("", "203.0.113.0/24", 0, 65535), Destination: reviewEnd("config-server/secure", "10.1.0.4/32", 2021, 2021), Reason: "abuse",
		},
		{
			ID: "tserver-to-config.11111111", Action: firewall.Permit, Origin: firewall.FromRule, Rule: "tserver-to-config", Direction: firewall.Inbound,
			Source: reviewEnd("t-server-east", "10.2.0.5/32", 20001, 20004), Destination: reviewEnd("config-server/secure", "10.1.0.4/32", 2021, 2021),
			TLS: "required", Identities: []policy.Identity{{Kind: policy.DNSName, Value: "tserver.example.com"}, {Kind: policy.CommonName, Value: `a;b\c`}},
			Limits: policy.Limits{MaxConnections: 4, Rate: policy.Rate{Events: 10, Per: time.Second}, Burst: 20}, PerClient: true,
			Owner: `voice "team", east`, Ticket: "=CHG-1234", Reason: "T-Server\nregistration; <b>",
			ValidFrom: reviewDay(2026), Expires: reviewDay(2027),
		},
		{
			ID: "everybody.22222222", Action: firewall.Permit, Origin: firewall.FromRule, Rule: "everybody", Direction: firewall.Inbound,
			Source: reviewEnd("", "::/0", 0, 65535), Destination: reviewEnd("config-server/open", "::/0", 2020, 2020),
			TLS: "any", Limits: policy.Limits{MaxConnections: 100}, Owner: "'quoted' team", Ticket: "@x;=1+1", Reason: " -1\t+2",
		},
		{
			ID: "upstream/out.33333333", Action: firewall.Permit, Origin: firewall.FromPin, Rule: "upstream/out", Direction: firewall.Outbound,
			Source: reviewEnd("east-1", "10.2.0.5/32", 20011, 20011), Destination: reviewEnd("out", "198.51.100.1/32", 443, 443),
			TLS: "required", Reason: "sessions",
		},
	}
	made := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	guard := func(of int, open, closed firewall.Region) firewall.Guard {
		f := &flows[of]
		return firewall.Guard{
			Name: f.Destination.Name, Direction: f.Direction, Destination: f.Destination.Prefix, Port: f.Destination.Ports.First, Open: open, Closed: closed,
		}
	}
	return &firewall.Matrix{
		At: firewall.AtHost, Now: made, Flows: flows,
		Guards: []firewall.Guard{
			guard(0, reviewRegion(flows, 1), nil), guard(2, reviewRegion(flows, 2), nil), guard(3, reviewRegion(flows, 3), nil),
		},
		Header: firewall.Header{
			Host: "east-1", PolicyHash: "0123456789abcdef", Generation: 7, Made: made,
			Names: []firewall.Resolved{{Name: "partner.example.com", Addresses: []netip.Addr{netip.MustParseAddr("198.51.100.1")}, At: made}},
			Notes: []string{"Return traffic relies on connection tracking.", "A note with </script><b>."},
		},
	}
}

func reviewEnd(name, prefix string, first, last uint16) firewall.End {
	return firewall.End{Name: name, Prefix: netip.MustParsePrefix(prefix), Ports: policy.PortRange{First: first, Last: last}}
}

func reviewDay(year int) time.Time { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC) }

func reviewRegion(flows []firewall.Flow, of int) firewall.Region {
	s := flows[of].Source
	return firewall.RegionOf(firewall.PatchesOf([]netip.Prefix{s.Prefix}, []policy.PortRange{s.Ports}, int32(of)))
}

// manyFlows is a matrix of n flows, each of a client of its own.
func manyFlows(n int) *firewall.Matrix {
	m := reviewMatrix()
	like := m.Flows[1]
	m.Flows = make([]firewall.Flow, n)
	address := netip.MustParseAddr("10.16.0.0")
	for i := range m.Flows {
		m.Flows[i] = like
		m.Flows[i].Source.Prefix = netip.PrefixFrom(address, 32)
		address = address.Next()
	}
	return m
}

// TestHeadStaysInItsLines holds each fact of a head to one line, and to its place in it.
func TestHeadStaysInItsLines(t *testing.T) {
	const hostile = "a\r\nb\x00c\u0085d\u2028e\u2029f\u202eg\u2066h"
	m := reviewMatrix()
	want := len(head(m))
	m.Header.Host, m.Header.Names[0].Name, m.Header.Notes[1] = hostile, hostile, hostile
	lines := head(m)
	if len(lines) != want {
		t.Errorf("%d lines, want %d", len(lines), want)
	}
	for _, line := range lines {
		if strings.ContainsAny(line, "\r\n\x00\u0085\u2028\u2029\u202e\u2066") {
			t.Errorf("%q", line)
		}
	}
}
