package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"sallyport/internal/firewall/ruleset"
)

const byHand = "as root, nft -j list ruleset > FILE, and then --ruleset FILE"

// liveRules reads the rules of this host.
func liveRules(ctx context.Context) (*loadedRules, error) {
	nft, err := findNft()
	if err != nil {
		return nil, err
	}
	data, err := runNft(ctx, nft, "-j", "list", "ruleset")
	if err != nil {
		return nil, err
	}
	rules, err := ruleset.Read("nft -j list ruleset", data)
	if err != nil {
		return nil, err
	}
	r := &loadedRules{rules: ruleset.Join(rules), names: []string{"nft -j list ruleset"}, live: true}
	if r.made = r.rules.Made(); r.made == "" { // nft 1.0 leaves comments of tables out of JSON
		if text, err := runNft(ctx, nft, "-t", "list", "table", "inet", "sallyport"); err == nil {
			r.made = ruleset.MadeIn(tableComment(string(text)))
		}
	}
	r.legacy()
	return r, nil
}

// findNft finds nft, which is not on the path of everybody.
func findNft() (string, error) {
	for _, name := range []string{"nft", "/usr/sbin/nft", "/sbin/nft"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("nft is not installed here, so the rules of this host cannot be read\n  hint: where they are, " + byHand + " (or iptables-save -c)")
}

// runNft returns what nft prints, with times in UTC.
func runNft(ctx context.Context, nft string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, nft, args...)
	cmd.Env = append(os.Environ(), "TZ=UTC")
	var out, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problem
	if err := cmd.Run(); err != nil {
		said, _, _ := strings.Cut(strings.TrimSpace(problem.String()), "\n")
		return nil, fmt.Errorf("nft %s: %w: %q\n  hint: %s", strings.Join(args, " "), err, said, byHand)
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

// legacy notes tables of the old iptables, which nft does not show.
func (r *loadedRules) legacy() {
	for _, family := range []struct{ names, program string }{
		{"/proc/net/ip_tables_names", "iptables-legacy-save"},
		{"/proc/net/ip6_tables_names", "ip6tables-legacy-save"},
	} {
		data, err := os.ReadFile(family.names)
		if tables := strings.Fields(string(data)); err == nil && len(tables) > 0 {
			r.partial = true
			r.notes = append(r.notes, fmt.Sprintf("There are tables that nft does not show (%s): give all rules with --ruleset, those of nft -j list ruleset and of %s -c.",
				strings.Join(tables, ", "), family.program))
		}
	}
}
