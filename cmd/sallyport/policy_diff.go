package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"sallyport/internal/config"
	"sallyport/policy"
)

func policyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Work with policy files",
		Long:  "Work with policy files, whether or not a configuration names them.",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(policyDiffCommand())
	return cmd
}

func policyDiffCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Say in words what another version of a policy changes",
		Long: `Compare two versions of a policy and print one line for each difference: what was added or removed,
and whether a change lets more pass (widened), less (narrowed), or neither or both (changed). Comments,
layout, and the order and distribution over files do not matter. Lists are judged by what their
entries stand for: a prefix holds its addresses, "any" everybody, a pattern the names below it, "a/*"
every port of a; of a change that is only written otherwise the line says that it means the same. A
client that changes is one difference, whatever rules name it.

OLD and NEW are each

  a policy file, or - for one on standard input
  a directory, whose *.toml are one policy (those in directories below it are not)
  a glob, in quotes, whose files are one policy
  a configuration, for the files that its [policy] names

Only the form of the files is checked; whether the ports in them exist, "sallyport check" says.

The exit code is 0 whether or not there are differences, with --exit-code 3 if there are some; 1 if a
file has errors, all of which are printed; 2 if the command line is wrong.

--json prints one object: old_files, old_hash, new_files, new_hash, and changes, each with kind ("added",
"removed", "widened", "narrowed", "changed"), section ("client", "allow", ...), name, field and text.`,
		Example: `  sallyport policy diff policy.toml policy.toml.new
  git show HEAD:policy.toml | sallyport policy diff - policy.toml
  sallyport policy diff --exit-code /etc/sallyport/policies 'proposal/*.toml'`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return fmt.Errorf("policy diff takes OLD and NEW, and not %s; write a glob in quotes", count(len(args), "argument"))
			}
			if args[0] == standardInput && args[1] == standardInput {
				return fmt.Errorf("only one of OLD and NEW can be %s, standard input", standardInput)
			}
			return nil
		},
	}
	asJSON := cmd.Flags().Bool("json", false, "print everything as JSON")
	exitCode := cmd.Flags().Bool("exit-code", false, "exit with 3 if there are differences")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		d, err := diffPolicies(cmd, args[0], args[1])
		if err != nil {
			return fail(err)
		}
		if *asJSON {
			err = writeJSON(cmd.OutOrStdout(), d)
		} else {
			err = d.print(cmd.OutOrStdout())
		}
		if err == nil && *exitCode && len(d.Changes) > 0 {
			return answerNo()
		}
		return fail(err)
	}
	return cmd
}

// standardInput is the path that stands for it.
const standardInput = "-"

// policyDiff is what is different, and what policy diff --json prints.
type policyDiff struct {
	OldFiles []string       `json:"old_files"`
	OldHash  string         `json:"old_hash"`
	NewFiles []string       `json:"new_files"`
	NewHash  string         `json:"new_hash"`
	Changes  []policyChange `json:"changes"`

	lines []string // the changes in words
}

type policyChange struct {
	Kind    string `json:"kind"`
	Section string `json:"section"`
	Name    string `json:"name"`
	Field   string `json:"field"`
	Text    string `json:"text"`
}

// diffPolicies compares two policies. It prints everything that is wrong with either.
func diffPolicies(cmd *cobra.Command, oldPath, newPath string) (*policyDiff, error) {
	before, problems := readPolicy(cmd, oldPath)
	after, more := readPolicy(cmd, newPath)
	problems = append(problems, more...)
	printProblems(cmd.ErrOrStderr(), problems)
	if before == nil || after == nil || problems.HasErrors() {
		return nil, fmt.Errorf("not compared: %s", tally(problems))
	}
	d := &policyDiff{
		OldFiles: append([]string{}, before.Files...), OldHash: before.Hash,
		NewFiles: append([]string{}, after.Files...), NewHash: after.Hash,
		Changes: []policyChange{},
	}
	for _, c := range policy.Diff(&before.Source, &after.Source) {
		d.Changes = append(d.Changes, policyChange{string(c.Kind), string(c.Section), c.Name, c.Field, c.Text})
		d.lines = append(d.lines, c.String())
	}
	return d, nil
}

// readPolicy reads the policy of a path on the command line.
func readPolicy(cmd *cobra.Command, path string) (*config.PolicyFiles, config.Problems) {
	if path != standardInput {
		return config.LoadPolicyAt(path)
	}
	const name = "(standard input)"
	data, err := io.ReadAll(cmd.InOrStdin())
	if err != nil {
		return nil, config.Problems{{Pos: config.Position{File: name}, Message: err.Error()}}
	}
	return config.ParsePolicy([]config.NamedData{{Name: name, Data: data}})
}

func (d *policyDiff) print(w io.Writer) error {
	if len(d.Changes) == 0 {
		_, err := fmt.Fprintln(w, "no difference")
		return err
	}
	kinds := make(map[string]int)
	for _, c := range d.Changes {
		kinds[c.Kind]++
	}
	var parts []string
	for _, kind := range []policy.ChangeKind{policy.Added, policy.Removed, policy.Widened, policy.Narrowed, policy.Changed} {
		if n := kinds[string(kind)]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, kind))
		}
	}
	_, err := fmt.Fprintf(w, "%s\n%s: %s\n", strings.Join(d.lines, "\n"), count(len(d.Changes), "difference"), strings.Join(parts, ", "))
	return err
}
