package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sallyport/internal/admin"
)

func unlockCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "unlock ADDRESS... | --all",
		Short: "Let sources that are locked out connect again",
		Long: `Tell the sallyport that runs with this configuration to end locks at once, and print the sources that it
unlocked. Their failures are forgotten: a source that goes on failing is locked out again, but not sooner
than any other.

ADDRESS is an address, which unlocks the source that it belongs to, or a prefix as sallyport lockouts shows it; a shorter
prefix unlocks every source in it, and --all unlocks everybody. Nothing is asked back.

The exit code is 0 if all were locked out, 1 if one was not (it is named, and the others are unlocked all the same) or
if no sallyport is running, and 2 if an address is malformed (nothing is unlocked then).

The running one is found by [admin] listen in the configuration. To keep a source from being locked out at all, put it
into [lockout] exempt of the policy.`,
		Example: "  sallyport unlock 203.0.113.9 2001:db8::/64\n  sallyport unlock 203.0.113.0/24\n  sallyport unlock --all",
	}
	path := configFlag(cmd)
	all := cmd.Flags().Bool("all", false, "unlock every source")
	cmd.Args = func(_ *cobra.Command, args []string) error {
		switch {
		case *all && len(args) > 0:
			return errors.New("unlock takes addresses or --all, not both")
		case !*all && len(args) == 0:
			return errors.New("unlock takes the addresses to unlock, or --all")
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		prefixes, err := parseSources(args)
		if err != nil {
			return err
		}
		client, err := adminClient(*path)
		if err != nil {
			return fail(err)
		}
		u := &unlocker{client: client, out: cmd.OutOrStdout()}
		if *all {
			return fail(u.unlockAll(cmd.Context()))
		}
		return fail(u.unlock(cmd.Context(), prefixes))
	}
	return cmd
}

// parseSources reads all addresses before any of them is unlocked.
func parseSources(args []string) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	var problems []error
	for _, arg := range args {
		prefix, err := admin.ParseSource(arg)
		if err != nil {
			problems = append(problems, err)
		}
		prefixes = append(prefixes, prefix)
	}
	return prefixes, errors.Join(problems...)
}

// unlocker unlocks one prefix after the other.
type unlocker struct {
	client   *admin.Client
	out      io.Writer
	unlocked []netip.Prefix
}

// unlock names those that were not locked out in its error.
func (u *unlocker) unlock(ctx context.Context, prefixes []netip.Prefix) error {
	var free []string
	for _, prefix := range prefixes {
		before := slices.ContainsFunc(u.unlocked, prefix.Overlaps) // two addresses of one source
		found, err := u.one(ctx, prefix)
		if err != nil {
			return err
		}
		if !found && !before {
			free = append(free, sourceText(prefix))
		}
	}
	if len(free) > 0 {
		return fmt.Errorf("not locked out: %s", strings.Join(free, ", "))
	}
	return nil
}

func (u *unlocker) unlockAll(ctx context.Context) error {
	for _, addr := range []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
		if _, err := u.one(ctx, netip.PrefixFrom(addr, 0)); err != nil {
			return err
		}
	}
	if len(u.unlocked) > 0 {
		return nil
	}
	_, err := fmt.Fprintln(u.out, "nobody is locked out")
	return err
}

// one unlocks a prefix and reports whether anything in it was locked out.
func (u *unlocker) one(ctx context.Context, prefix netip.Prefix) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	sources, err := u.client.Unlock(ctx, prefix)
	for _, source := range sources {
		if _, err := fmt.Fprintf(u.out, "unlocked %s\n", sourceText(source)); err != nil {
			return false, err
		}
	}
	u.unlocked = append(u.unlocked, sources...)
	return len(sources) > 0, err
}
