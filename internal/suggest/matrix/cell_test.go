package matrix

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/suggest/draft"
	"sallyport/policy"
)

// said is the problem of an error, with its hint.
func said(err error) string {
	if m, ok := errors.AsType[*policy.Malformed](err); ok {
		return m.Problem + "; " + m.Hint
	}
	return ""
}

func TestAddresses(t *testing.T) {
	im := &Import{Names: map[string][]netip.Addr{"cti-1": {netip.MustParseAddr("10.1.0.9")}}}
	for _, c := range []struct{ text, mask, want string }{
		{"10.2.0.5", "", "10.2.0.5"},
		{"10.2.0.5, 10.2.0.6;10.2.0.7\n2001:db8::5", "", "10.2.0.5 10.2.0.6 10.2.0.7 2001:db8::5"},
		{"10.0.0.1-10.0.0.9", "", "10.0.0.1 10.0.0.2/31 10.0.0.4/30 10.0.0.8/31"},
		{"10.0.0.1 – 10.0.0.2, 10.0.0.4 to 10.0.0.5", "", "10.0.0.1 10.0.0.2 10.0.0.4/31"},
		{"10.0.0.254-255", "", "10.0.0.254/31"},
		{"2001:db8::-2001:db8::ffff", "", "2001:db8::/112"},
		{"223.255.255.0-223.255.255.255", "", "223.255.255.0/24"},
		{"10.2.0.0/255.255.255.0 10.3.0.0 255.255.0.0", "", "10.2.0.0/24 10.3.0.0/16"},
		{"10.2.0.0", "255.255.255.0", "10.2.0.0/24"},
		{"10.2.*.*, 10.3.4.*", "", "10.2.0.0/16 10.3.4.0/24"},
		{"[2001:db8::5]", "", "2001:db8::5"},
		{"Any", "", "0.0.0.0/0 ::/0"},
		{"CTI-1", "", "10.1.0.9"},

		{"10.2.0.0/24, 10.3.0.0/24", "255.255.255.0", `"255.255.255.0" is the mask of several addresses, or of none; write 10.2.0.0/24 into the column of the address`},
		{"10.2.0.5/24", "", `"10.2.0.5/24" has bits beyond its length of 24; did you mean "10.2.0.0/24", or "10.2.0.5" alone?`},
		{"10.2.0.5/255.255.255.0", "", `"10.2.0.5/24" has bits beyond its length of 24; did you mean "10.2.0.0/24", or "10.2.0.5" alone?`},
		{"10.2.0.0 0.0.0.255", "", `"0.0.0.255" is not the address of a host or network; write "10.2.0.5", "10.2.0.0/24" or "any"`},
		{"10.2.0.9-10.2.0.5", "", `"10.2.0.9-10.2.0.5" is a range that ends before it begins; write "10.0.0.1-10.0.0.9" or "10.0.0.0/28"`},
		{"10.2.0.9-2001:db8::1", "", `"10.2.0.9-2001:db8::1" is a range of addresses of which one is IPv4 and one is not; write "10.0.0.1-10.0.0.9" or "10.0.0.0/28"`},
		{"10.0.0.0/8 except 10.2.0.5", "", `"except" is a name, and names are not looked up; write its address into the matrix, or say it with --resolve "except=ADDRESS"`},
		{"!10.2.0.5", "", `"!10.2.0.5" is not an address or prefix; write "10.2.0.5", "10.1.0.0/28", "2001:db8::5" or "2001:db8::/32"`},
		{"10.1.0.4:2021", "", `"10.1.0.4:2021" is an address with a port; write 10.1.0.4 here, and 2021 into the column of ports`},
		{"0.0.0.0", "", `"0.0.0.0" is not the address of a host or network; write "10.2.0.5", "10.2.0.0/24" or "any"`},
		{"239.1.1.1", "", `"239.1.1.1" is not the address of a host or network; write "10.2.0.5", "10.2.0.0/24" or "any"`},
	} {
		t.Run(c.text, func(t *testing.T) {
			list, _, err := im.addresses(c.text, c.mask)
			got := strings.Join(draft.Texts(list, policy.PrefixText), " ")
			if err != nil {
				got = said(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestPorts(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"20001", "20001"},
		{"20001-20004,20011", "20001-20004, 20011"},
		{"20001–20004; 20011 - 20012\n20020..20021", "20001-20004, 20011-20012, 20020-20021"},
		{"20001:20004 20011 to 20012", "20001-20004, 20011-20012"},
		{"tcp/2021", "2021 tcp"},
		{"2021/tcp, 2022/TCP", "2021, 2022 tcp"},
		{"TCP 2021 2022, UDP 5060-5061", "2021, 2022 tcp; not udp/5060-5061"},
		{"udp/53", "; not udp/53"},
		{"2021, 2022 TCP", "2021, 2022 tcp"},
		{"53 UDP", "; not udp/53"},
		{"tcp 2021 udp", "2021 tcp; not udp"},
		{"udp", "; not udp"},
		{"https, ldaps", "443, 636"},
		{"any", "any"},
		{"*", "any"},
		{"1024+", `any; chosen "1024+"`},
		{"> 1023", `any; chosen ">1023"`},
		{"High ports", `any; chosen "high"`},
		{"ephemeral", `any; chosen "ephemeral"`},
		{"1024-65535", `any; chosen "1024-65535"`},
		{"49152-65535", "49152-65535"},
		{"2021.0", "2021"},

		{"2,021", `"021" is not a port or range of ports; ports are 1 to 65535; write "20001" or "20001-20004"`},
		{"70000", `"70000" is not a port or range of ports; ports are 1 to 65535; write "20001" or "20001-20004"`},
		{"20004-20001", `"20004-20001" is a range that ends before it begins; did you mean "20001-20004"?`},
		{"2.00E+04", `"2.00e+04" is not a port or range of ports; ports are 1 to 65535; write "20001" or "20001-20004"`},
		{"01.may", `"01.may" is not a port or range of ports; only the names of common services are known: write the number`},
		{"0", `"0" is not a port or range of ports; ports are 1 to 65535; write "20001" or "20001-20004"`},
	} {
		t.Run(c.text, func(t *testing.T) {
			list, err := parsePorts(c.text, false)
			got := said(err)
			if err == nil {
				got = portsText(list.ranges)
				if list.spoken {
					got += " tcp"
				}
				if len(list.others) > 0 {
					got += "; not " + strings.Join(list.others, ", ")
				}
				if list.chosen != "" {
					got += "; chosen " + quoted(list.chosen)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if list, err := parsePorts("1024-65535", true); err != nil || portsText(list.ranges) != "1024-65535" || list.chosen != "" {
		t.Errorf("in sallyport's own matrix: %+v, %v", list, err)
	}
}

func TestDays(t *testing.T) {
	const how = "; write it as one of these, or say --date-format DD/MM/YYYY or MM/DD/YYYY"
	for _, c := range []struct {
		text, want string
		order      DateOrder
	}{
		{"2027-01-31", "2027-01-31", ""},
		{"2027/01/31", "2027-01-31", ""},
		{"2027-01-31 00:00:00", "2027-01-31", ""},
		{"2027-01-31T00:00:00Z", "2027-01-31", ""},
		{"31.12.2027", "2027-12-31", ""},
		{"3.4.2027", "2027-04-03", ""},
		{"31-Dec-2027", "2027-12-31", ""},
		{"31 December 2027", "2027-12-31", ""},
		{"Dec 31, 2027", "2027-12-31", ""},
		{"31/12/2027", "2027-12-31", ""},
		{"12/31/2027", "2027-12-31", ""},
		{"04/04/2027", "2027-04-04", ""},
		{"never", "", ""},
		{"-", "", ""},
		{"03/04/2027", "2027-04-03", DayFirst},
		{"03-04-2027", "2027-03-04", MonthFirst},

		{"03/04/2027", `"03/04/2027" is 2027-04-03 or 2027-03-04` + how, ""},
		{"03-04-2027", `"03-04-2027" is 2027-04-03 or 2027-03-04` + how, ""},
		{"31/12/2027", `"31/12/2027" is not a date; write 2027-01-31`, MonthFirst},
		{"2027-02-30", `"2027-02-30" is not a date; write 2027-01-31`, ""},
		{"31.12.27", `"31.12.27" is not a date; write 2027-01-31`, ""},
		{"46388", `"46388" is not a date, but a number as spreadsheets count days; write 2027-01-31`, ""},
		{"2027-01-31 18:00", `"2027-01-31 18:00" is not a date; write 2027-01-31`, ""},
		{"1969-12-31", `"1969-12-31" is before 1970; write 2027-01-31`, ""},
	} {
		t.Run(c.text+string(c.order), func(t *testing.T) {
			day, err := c.order.day(c.text)
			got := policy.DayText(day)
			if err != nil {
				got = said(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestIdentities(t *testing.T) {
	for _, c := range []struct {
		text, want string
		own        bool
	}{
		{"", "", false},
		{"-", "", false},
		{"dns:a.example.com", "dns:a.example.com", false},
		{"dns:a.example.com, cn:Some Client; uri:spiffe://a/b\nou:x, y", "dns:a.example.com|cn:Some Client|uri:spiffe://a/b|ou:x, y", false},
		{"a.example.com", "a.example.com", false},
		{`cn:x\; dns:y; dns:z`, "cn:x; dns:y|dns:z", true},
		{`cn:a\\; dns:z`, `cn:a\|dns:z`, true},
		{"", "", true},
	} {
		t.Run(c.text, func(t *testing.T) {
			list := identities(c.text)
			if c.own {
				list = ownIdentities(c.text)
			}
			if diff := cmp.Diff(c.want, strings.Join(list, "|")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
