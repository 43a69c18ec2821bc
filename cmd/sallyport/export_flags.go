package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"sallyport/internal/firewall"
	"sallyport/internal/firewall/export"
)

// exportFlags are the flags that say what of the policy is wanted, and from where it is seen, as they were given. Audits of firewalls
// have them too.
type exportFlags struct {
	placeFlags
	at, asOf            string
	application, client string
	reproducible        bool
	reject, limits      bool
}

// addView adds the flags that say what is compared or written.
func (f *exportFlags) addView(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.at, "at", string(firewall.AtHost), "where the firewall is: `host`, server, client or between")
	flags.StringVar(&f.asOf, "as-of", "", "the `TIME` or day whose rules are wanted; now if left out")
	flags.StringVar(&f.application, "application", "", "only the ports and the upstream of this `APPLICATION`")
	flags.StringVar(&f.client, "client", "", "only the flows of this `CLIENT`, for the firewall on its own host (--at client)")
	f.placeFlags.add(cmd, "of a server instead of asking for it")
}

// add adds those of exports as well.
func (f *exportFlags) add(cmd *cobra.Command) {
	f.addView(cmd)
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
	*places
}

// understand understands what can be understood without the files.
func (f *exportFlags) understand() (*exportAsked, error) {
	a := &exportAsked{at: firewall.Position(f.at), reproducible: f.reproducible, application: f.application, client: f.client}
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
	if a.places, err = f.placeFlags.understand(); err != nil {
		return nil, err
	}
	return a, nil
}
