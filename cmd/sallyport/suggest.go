package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"sallyport/internal/config"
	"sallyport/internal/suggest"
)

func suggestCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "suggest",
		Short: "Turn the log into the rules that would allow what was seen",
		Long: `Read sallyport's own log and print a policy file that allows the sessions which audit mode let through
(verdict=audit-deny), and with --denied also those that were denied because no rule allowed them. A
first policy comes into being like this: set all = true in [audit], let everybody work for some
time, and review what suggest makes of the log.

Each source address becomes a client, with its source ports if it looks bound to them, and with the
identity that all of its certificates had in common, or those of a few certificates. Each port becomes a rule that names its
clients. Nothing is allowed on a port, or from an address, that was not seen.

The log may be text or JSON, as it is or as journalctl, syslog and containers wrap it, and compressed
with gzip. Lines that are no session records are ignored. What the log does not show (see [log]
filter) cannot be used; a summary on stderr says what was left out and why.

With a configuration, sessions that its policy allows by now are left out, as are those on ports that
it does not have, and the names in it are not used again. Without --config and without a
config.toml here, or with --config "", the log alone counts.

The exit code is 0 also if there is nothing to suggest. Write the result to a file outside of the files
of [policy] first: an empty one among them is an error while suggest reads them.`,
		Example: `  journalctl -u sallyport -o cat | sallyport suggest > suggested.toml
  sallyport suggest --denied --from sallyport.log --from sallyport.log.1.gz
  sallyport suggest --config /etc/sallyport/config.toml --from - < sallyport.log`,
		Args: cobra.NoArgs,
	}
	path := configFlag(cmd)
	logs := cmd.Flags().StringArray("from", nil, "`LOG` to read, several times for several; - is standard input, the default")
	denied := cmd.Flags().Bool("denied", false, "take denied sessions, too")
	cmd.MarkFlagFilename("from")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s := suggestion{
			survey: suggest.Survey{Denied: *denied, Now: time.Now()},
			stdin:  cmd.InOrStdin(),
			stdout: cmd.OutOrStdout(),
			stderr: cmd.ErrOrStderr(),
		}
		if err := s.knowPolicy(*path, cmd.Flags().Changed("config")); err != nil {
			return fail(err)
		}
		if len(*logs) == 0 {
			*logs = []string{standardInput}
		}
		for _, name := range *logs {
			if err := s.read(name); err != nil {
				return fail(err)
			}
		}
		return fail(s.print())
	}
	return cmd
}

// suggestion is one run of the command.
type suggestion struct {
	survey         suggest.Survey
	stdin          io.Reader
	stdout, stderr io.Writer
}

// knowPolicy finds the policy in force, if there is a configuration. Certificates are not looked at: the log
// may be read on another host than it was written on.
func (s *suggestion) knowPolicy(path string, explicit bool) error {
	if path == "" {
		return nil
	}
	if _, err := os.Stat(path); !explicit && errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(s.stderr, "no %s here: the log alone counts\n", path)
		return nil
	}
	cfg, problems := config.Load(path)
	if !problems.HasErrors() {
		_, set, found := compilePolicy(cfg, s.survey.Now)
		problems = append(problems, found...)
		cfg.Sort(problems)
		s.survey.Policy = set
	}
	if !problems.HasErrors() {
		return nil
	}
	for _, p := range problems.Errors() {
		fmt.Fprintln(s.stderr, p)
	}
	return fmt.Errorf(`%s: %s; with --config "" the log alone counts`, path, count(len(problems.Errors()), "error"))
}

// read adds one log to the survey.
func (s *suggestion) read(name string) error {
	if name == standardInput {
		return s.readStandardInput()
	}
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	return s.readNamed(name, file)
}

func (s *suggestion) readStandardInput() error {
	if file, isFile := s.stdin.(*os.File); isFile {
		if info, err := file.Stat(); err == nil && info.Mode()&fs.ModeCharDevice != 0 {
			fmt.Fprintln(s.stderr, "reading a log from the terminal; --from names a file")
		}
	}
	return s.readNamed("standard input", s.stdin)
}

func (s *suggestion) readNamed(name string, log io.Reader) error {
	before := s.survey.Account().Lines
	err := s.survey.Read(log)
	if err == nil {
		return nil
	}
	if cause, ok := errors.AsType[*fs.PathError](err); ok {
		err = cause.Err
	}
	return fmt.Errorf("%s: after line %d: %w", name, s.survey.Account().Lines-before, err)
}

// print writes the draft to stdout and what became of the log to stderr. A draft that check would
// refuse is a defect, and is not written.
func (s *suggestion) print() error {
	draft := s.survey.Draft()
	printAccount(s.stderr, s.survey.Account(), draft)
	var text bytes.Buffer
	if err := draft.Write(&text); err != nil {
		return err
	}
	if err := s.verify(text.Bytes()); err != nil {
		return fmt.Errorf("the suggestion is no valid policy, which is a defect; please report it: %w", err)
	}
	_, err := s.stdout.Write(text.Bytes())
	return err
}
