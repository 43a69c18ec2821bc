package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"sallyport/internal/firewall/ruleset"
)

const byHand = "as root, nft -j list ruleset > FILE, and then --ruleset FILE"

// liveRules reads the rules of this host.
func liveRules(ctx context.Context) (*loadedRules, error) {
	nft, err := findProgram("nft")
	if err != nil {
		return nil, errors.New("nft is not installed here, so the rules of this host cannot be read\n  hint: where they are, " + byHand + " (or iptables-save -c)")
	}
	data, err := output(ctx, nft, "-j", "list", "ruleset")
	if err != nil {
		return nil, err
	}
	rules, err := ruleset.Read("nft -j list ruleset", data)
	if err != nil {
		return nil, err
	}
	r := &loadedRules{names: []string{"nft -j list ruleset"}, live: true}
	r.rules = ruleset.Join(append(r.saved(ctx, rules), r.legacy(ctx)...)...)
	if r.made = r.rules.Made(); r.made == "" { // nft 1.0 leaves comments of tables out of JSON
		if text, err := output(ctx, nft, "-t", "list", "table", "inet", "sallyport"); err == nil {
			r.made = ruleset.MadeIn(tableComment(string(text)))
		}
	}
	return r, nil
}

// saved adds to rules of nft what only iptables can say of its own, where there is any of it.
func (r *loadedRules) saved(ctx context.Context, rules *ruleset.Ruleset) []*ruleset.Ruleset {
	all := []*ruleset.Ruleset{rules}
	for _, family := range rules.Opaque() {
		name := "iptables-nft-save"
		if family == ruleset.IPv6 {
			name = "ip6tables-nft-save"
		}
		more, err := save(ctx, name)
		if err != nil {
			r.notes = append(r.notes, fmt.Sprintf("Some rules are of iptables, and %s could not tell them: %v.", name, err))
			continue
		}
		r.names = append(r.names, name+" -c")
		all = append(all, more)
	}
	return all
}

func save(ctx context.Context, name string) (*ruleset.Ruleset, error) {
	path, err := findProgram(name)
	if err != nil {
		return nil, err
	}
	data, err := output(ctx, path, "-c")
	if err != nil {
		return nil, err
	}
	return ruleset.Read(name, data)
}

// findProgram finds a program that is not on the path of everybody.
func findProgram(name string) (string, error) {
	for _, place := range []string{name, "/usr/sbin/" + name, "/sbin/" + name} {
		if path, err := exec.LookPath(place); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not installed here", name)
}

// output returns what a program prints, with times in UTC. It waits for the program for a minute at most, and no longer for what
// the program may have left behind with its standard output.
func output(ctx context.Context, program string, args ...string) ([]byte, error) {
	const longest = time.Minute
	ctx, cancel := context.WithTimeoutCause(ctx, longest, fmt.Errorf("no answer within %s", longest))
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "TZ=UTC")
	cmd.WaitDelay = time.Second
	var out, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problem
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx) // rather than the signal that ended it
		}
		said, _, _ := strings.Cut(strings.TrimSpace(problem.String()), "\n")
		return nil, fmt.Errorf("%s %s: %w: %q\n  hint: %s", filepath.Base(program), strings.Join(args, " "), err, said, byHand)
	}
	return out.Bytes(), nil
}

// tableComment returns the comment of a table as nft lists it for people: before its first block ends.
func tableComment(text string) string {
	for _, line := range strings.Split(text, "\n")[:min(2, strings.Count(text, "\n")+1)] {
		if comment, found := strings.CutPrefix(strings.TrimSpace(line), "comment \""); found {
			return strings.TrimSuffix(comment, "\"")
		}
	}
	return ""
}

// legacy reads tables of the old iptables, which nft does not show. Where they cannot be read, others than are known may drop packets.
func (r *loadedRules) legacy(ctx context.Context) []*ruleset.Ruleset {
	var all []*ruleset.Ruleset
	for _, family := range []struct{ names, program string }{
		{"/proc/net/ip_tables_names", "iptables-legacy-save"},
		{"/proc/net/ip6_tables_names", "ip6tables-legacy-save"},
	} {
		data, err := os.ReadFile(family.names)
		tables := strings.Fields(string(data))
		if err != nil || len(tables) == 0 {
			continue
		}
		more, err := save(ctx, family.program)
		if err != nil {
			r.partial = true
			r.notes = append(r.notes, fmt.Sprintf("There are tables that nft does not show (%s): give all rules with --ruleset, those of nft -j list ruleset and of %s -c.",
				strings.Join(tables, ", "), family.program))
			continue
		}
		r.names = append(r.names, family.program+" -c")
		all = append(all, more)
	}
	return all
}
