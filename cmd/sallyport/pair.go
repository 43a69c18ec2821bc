package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"sallyport/internal/config"
)

// pairFlags are what check --pair is asked for.
type pairFlags struct {
	other    string
	sameHost bool
}

func (f *pairFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.other, "pair", "", "compare with the configuration of the redundant partner, `OTHER`")
	cmd.Flags().BoolVar(&f.sameHost, "same-host", false, "with --pair: both run on one host, so their addresses must differ")
	cmd.MarkFlagFilename("pair", "toml")
}

// partner is one half of a redundant pair.
type partner struct {
	config *config.Config
	policy *config.PolicyFiles
}

// readPartner reads the partner's configuration and policy. Its certificates are on another host, and so is what else
// check looks at.
func readPartner(path string) (*partner, config.Problems) {
	cfg, problems := config.Load(path)
	if cfg == nil {
		return nil, problems
	}
	if problems.HasErrors() { // a port that could not be read would be missing in the policy, too
		_, more := config.LoadPolicy(cfg)
		problems = append(problems, more...)
		cfg.Sort(problems)
		return nil, problems
	}
	files, set, more := compilePolicy(cfg, time.Now())
	problems = append(problems, more...)
	cfg.Sort(problems)
	if set == nil {
		return nil, problems
	}
	return &partner{cfg, files}, problems
}

// compare compares a plan without errors with the configuration of its partner.
func (f *pairFlags) compare(cmd *cobra.Command, own *planner, strict bool) error {
	other, problems := readPartner(f.other)
	printProblems(cmd.ErrOrStderr(), problems)
	if other == nil {
		return fmt.Errorf("not compared: %s: %s", f.other, tally(problems))
	}
	c := &comparison{
		a:        &partner{own.plan.config, own.places},
		b:        other,
		sameHost: f.sameHost,
	}
	c.run()
	c.print(cmd.OutOrStdout())
	if errors, _ := c.counts(); errors > 0 || strict && len(c.differences) > 0 {
		return fmt.Errorf("%s and %s do not agree: %s", c.a.config.Path, c.b.config.Path, c.tally())
	}
	return nil
}

// difference is one thing in which the halves of a pair do not agree.
type difference struct {
	about   string // the group that it is printed in
	warning bool
	text    string
}

// comparison is of two halves, a and b.
type comparison struct {
	a, b        *partner
	sameHost    bool
	differences []difference
}

// The groups of differences.
const (
	aboutPorts     = "ports"
	aboutUpstreams = "upstreams"
	aboutSources   = "source ports"
	aboutAddresses = "addresses"
	aboutPolicy    = "policy"
)

func (c *comparison) run() {
	c.applications()
	c.sources()
	if c.sameHost {
		c.addresses()
	}
	c.policies()
}

func (c *comparison) error(about, format string, args ...any) {
	c.differences = append(c.differences, difference{about, false, fmt.Sprintf(format, args...)})
}

func (c *comparison) warn(about, format string, args ...any) {
	c.differences = append(c.differences, difference{about, true, fmt.Sprintf(format, args...)})
}

func (c *comparison) counts() (errors, warnings int) {
	for _, d := range c.differences {
		if d.warning {
			warnings++
		} else {
			errors++
		}
	}
	return errors, warnings
}

func (c *comparison) tally() string {
	switch errors, warnings := c.counts(); {
	case errors == 0:
		return count(warnings, "warning")
	case warnings == 0:
		return count(errors, "error")
	default:
		return count(errors, "error") + ", " + count(warnings, "warning")
	}
}

// print writes the differences group by group.
func (c *comparison) print(w io.Writer) {
	for _, about := range []string{aboutPorts, aboutUpstreams, aboutSources, aboutAddresses, aboutPolicy} {
		headed := false
		for _, d := range c.differences {
			if d.about != about {
				continue
			}
			if !headed {
				fmt.Fprintln(w, c.heading(about))
				headed = true
			}
			if d.warning {
				d.text = "warning: " + d.text
			}
			fmt.Fprintf(w, "  %s\n", d.text)
		}
	}
	errors, _ := c.counts()
	switch {
	case len(c.differences) == 0:
		fmt.Fprintf(w, "%s and %s agree\n", c.a.config.Path, c.b.config.Path)
	case errors == 0:
		fmt.Fprintf(w, "%s and %s agree, %s\n", c.a.config.Path, c.b.config.Path, c.tally())
	}
}

// heading introduces a group. What is different in a policy is told as a change from one half to the other.
func (c *comparison) heading(about string) string {
	if about == aboutPolicy {
		return fmt.Sprintf("policy, from %s to %s:", c.a.config.Path, c.b.config.Path)
	}
	return about + ":"
}

// where writes a place, or the file for what has none.
func where[T any](p *partner, l config.Located[T]) string {
	if l.Pos.File == "" {
		return p.config.Path
	}
	return l.Pos.String()
}
