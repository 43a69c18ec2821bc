package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sallyport/internal/firewall"
	"sallyport/internal/firewall/export"
	"sallyport/policy"
)

// exportFlags are the flags that say what of the policy is wanted, and from where it is seen, as they were given. Audits of firewalls
// have them too.
type exportFlags struct {
	at, asOf            string
	application, client string
	reachedAt, resolve  []string
	reproducible        bool
	reject, limits      bool
}

// reachedAtUsage describes --reached-at wherever there is one.
const reachedAtUsage = "`[APPLICATION/PORT=]ADDRESS[:PORT]` where clients find a port; may be repeated"

// place adds the flags that are about what is compared or written.
func (f *exportFlags) place(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.at, "at", string(firewall.AtHost), "where the firewall is: `host`, server, client or between")
	flags.StringVar(&f.asOf, "as-of", "", "the `TIME` or day whose rules are wanted; now if left out")
	flags.StringVar(&f.application, "application", "", "only the ports and the upstream of this `APPLICATION`")
	flags.StringVar(&f.client, "client", "", "only the flows of this `CLIENT`, for the firewall on its own host (--at client)")
	flags.StringArrayVar(&f.reachedAt, "reached-at", nil, reachedAtUsage)
	flags.StringArrayVar(&f.resolve, "resolve", nil, "`NAME=ADDRESS[,ADDRESS]` of a server instead of asking for it; may be repeated")
}

// add adds those of exports besides.
func (f *exportFlags) add(cmd *cobra.Command) {
	f.place(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&f.reproducible, "reproducible", false, "leave out what depends on the moment of the export")
	flags.BoolVar(&f.reject, "reject", false, "have the firewall answer what it denies, instead of dropping it")
	flags.BoolVar(&f.limits, "limits", true, "have the firewall hold the policy's rates as well, where it can")
}

func (f *exportFlags) options() export.Options {
	return export.Options{Reject: f.reject, Limits: f.limits, Reproducible: f.reproducible}
}

// exportAsked is what the flags mean.
type exportAsked struct {
	at                  firewall.Position
	now                 time.Time
	dated               bool // now was given
	reproducible        bool
	application, client string
	everywhere          []netip.AddrPort            // --reached-at without a port's name; port 0 where none was given
	reached             map[string][]netip.AddrPort // by application/port
	names               map[string][]netip.Addr
}

// understand understands what can be understood without the files.
func (f *exportFlags) understand() (*exportAsked, error) {
	a := &exportAsked{
		at: firewall.Position(f.at), reproducible: f.reproducible, application: f.application, client: f.client,
		reached: make(map[string][]netip.AddrPort), names: make(map[string][]netip.Addr),
	}
	positions := []firewall.Position{firewall.AtHost, firewall.AtServer, firewall.AtClient, firewall.AtBetween}
	if !slices.Contains(positions, a.at) {
		return nil, fmt.Errorf("--at: %q is no position: it is host, server, client or between", f.at)
	}
	var err error
	if a.now, err = parseTime(f.asOf); err != nil {
		return nil, flagError("as-of", err)
	}
	if a.dated = !a.now.IsZero(); !a.dated {
		a.now = time.Now()
	}
	for _, text := range f.reachedAt {
		if err := a.reachedAt(text); err != nil {
			return nil, flagError("reached-at", err)
		}
	}
	for _, text := range f.resolve {
		if err := a.resolved(text); err != nil {
			return nil, flagError("resolve", err)
		}
	}
	return a, nil
}

// reachedAt reads "[APPLICATION/PORT=]ADDRESS[:PORT]".
func (a *exportAsked) reachedAt(text string) error {
	name, address, named := strings.Cut(text, "=")
	if !named {
		name, address = "", text
	}
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		ip, bad := netip.ParseAddr(strings.Trim(address, "[]"))
		if bad != nil {
			return &policy.Malformed{
				Problem: fmt.Sprintf("%q is not an address", address),
				Hint:    "write 192.0.2.10, 192.0.2.10:443 or [2001:db8::10]:443, after APPLICATION/PORT= if it is for one port",
			}
		}
		at = netip.AddrPortFrom(ip, 0)
	}
	if ip := at.Addr(); ip.Zone() != "" || ip.Is4In6() || ip.IsUnspecified() {
		return &policy.Malformed{Problem: fmt.Sprintf("%q is not an address that clients could connect to", address), Hint: "write it as clients have it"}
	}
	if name == "" {
		a.everywhere = append(a.everywhere, at)
		return nil
	}
	a.reached[name] = append(a.reached[name], at)
	return nil
}

// resolved reads "NAME=ADDRESS[,ADDRESS]".
func (a *exportAsked) resolved(text string) error {
	name, list, named := strings.Cut(text, "=")
	if !named || name == "" {
		return &policy.Malformed{Problem: fmt.Sprintf("%q names no address", text), Hint: "write cti-1.example.com=10.1.0.4"}
	}
	for _, address := range strings.Split(list, ",") {
		ip, err := netip.ParseAddr(strings.TrimSpace(address))
		if err != nil || ip.Zone() != "" {
			return &policy.Malformed{Problem: fmt.Sprintf("%q is not an address", address), Hint: "write cti-1.example.com=10.1.0.4"}
		}
		a.names[strings.ToLower(name)] = append(a.names[strings.ToLower(name)], ip.Unmap())
	}
	return nil
}
