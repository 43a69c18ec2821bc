package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sallyport/internal/config"
	"sallyport/internal/config/document"
	"sallyport/internal/suggest/matrix"
	"sallyport/policy"
)

func importCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Turn what others wrote into the draft of a policy",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(importCSVCommand())
	return cmd
}

func importCSVCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "csv FILE",
		Short: "Turn a port matrix, the spreadsheet of a firewall team, into the draft of a policy",
		Long: `Read a port matrix and print a policy file that allows what its rows say, and nothing else: clients with
their addresses and source ports, rules with owner, ticket, reason and days, and blocks. FILE is CSV with
commas, semicolons or tabs; - is standard input. What sallyport export csv writes is read as well.

Columns are found by their names, below title lines if there are any. --map says what a column is about
that is called otherwise. FIELD is one of:

` + fieldList() + `
Destinations are found among the ports of the configuration: by the address and port on which they listen,
by port number alone if they listen on every address, and by what --reached-at says of a load balancer or
a translated address. Names of hosts are not looked up: --resolve says their addresses.

Nothing is guessed. What cannot be placed (UDP, ports that are not ours, dates that can be read in two
ways, single ports that are denied) is listed on stderr with its line and column, and at the end of the draft. The exit code is
then 3; it is 0 if everything was placed.

The draft is valid beside the policy of the configuration, whose names are not used again. With --replace
it is to take the place of that policy.`,
		Example: `  sallyport import csv matrix.csv > draft.toml
  sallyport import csv --map "Quellsystem=src-ip" --map "Zielport=dst-port" --date-format DD/MM/YYYY matrix.csv
  sallyport import csv --reached-at config-server/secure=192.0.2.10:443 - < matrix.csv`,
		Args: cobra.ExactArgs(1),
	}
	var f importFlags
	f.add(cmd)
	path := configFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		i := importer{stdin: cmd.InOrStdin(), stdout: cmd.OutOrStdout(), stderr: cmd.ErrOrStderr(), now: time.Now()}
		where, err := f.understand(&i.matrix)
		if err != nil {
			return err
		}
		if err := i.know(*path, where, f.replace); err != nil {
			return err
		}
		return i.run(args[0])
	}
	return cmd
}

// fieldList lists the fields on as few lines as are easily read.
func fieldList() string {
	var b strings.Builder
	for line := range slices.Chunk(matrix.Fields(), 7) {
		b.WriteString(" ")
		for _, field := range line {
			b.WriteString(" " + string(field))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// importFlags are the flags as they were given.
type importFlags struct {
	placeFlags
	columns []string
	order   string
	replace bool
}

func (f *importFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.columns, "map", nil, "`COLUMN=FIELD`: what a column is about; may be repeated")
	flags.StringVar(&f.order, "date-format", "", "how to read dates like 03/04/2026: `DD/MM/YYYY` or MM/DD/YYYY; refused if left out")
	flags.BoolVar(&f.replace, "replace", false, "make a draft that takes the place of the policy in force")
	f.placeFlags.add(cmd, "of a host in the matrix")
}

// understand understands what can be understood without the files.
func (f *importFlags) understand(m *matrix.Import) (*places, error) {
	for _, text := range f.columns {
		column, err := matrix.ParseColumn(text)
		if err != nil {
			return nil, flagError("map", err)
		}
		m.Columns = append(m.Columns, column)
	}
	var err error
	if m.Order, err = matrix.ParseDateOrder(f.order); err != nil {
		return nil, flagError("date-format", err)
	}
	where, err := f.placeFlags.understand()
	if err != nil {
		return nil, err
	}
	m.Names = where.names
	return where, nil
}

// importer is one run of the command.
type importer struct {
	matrix         matrix.Import
	now            time.Time
	stdin          io.Reader
	stdout, stderr io.Writer
}

// know reads the configuration, and the policy unless the draft is to replace it. Certificates are not looked at: the matrix may be
// imported on another host.
func (i *importer) know(path string, where *places, replace bool) error {
	cfg, problems := config.Load(path)
	if !problems.HasErrors() && !replace {
		_, set, found := compilePolicy(cfg, i.now)
		problems = append(problems, found...)
		cfg.Sort(problems)
		if set != nil {
			i.matrix.Beside = set.Source()
		}
	}
	if problems.HasErrors() {
		printProblems(i.stderr, problems.Errors())
		return fail(fmt.Errorf("%s: %s", path, tally(problems.Errors())))
	}
	if err := where.knownPorts(cfg); err != nil {
		return err
	}
	for _, port := range portsIn(cfg) {
		i.matrix.Ports = append(i.matrix.Ports, where.importPort(port))
	}
	return nil
}

// importPort returns where rows find a port: where it listens, unless that is everywhere and it is known better.
func (p *places) importPort(port *config.Port) matrix.Port {
	s := p.service(port)
	m := matrix.Port{Port: port.ForPolicy(), At: s.ReachedAt, Balancers: s.Balancers}
	everywhere := !s.Listen.Addr().IsValid() || s.Listen.Addr().IsUnspecified()
	if s.Listen.Port() != 0 && (!everywhere || len(s.ReachedAt) == 0) {
		m.At = append(m.At, s.Listen)
	}
	m.At = slices.DeleteFunc(m.At, func(at netip.AddrPort) bool { return at.Port() == 0 })
	return m
}

// run writes the draft to stdout, and to stderr what could not be placed. A draft that check would refuse is a defect, and is not written.
func (i *importer) run(path string) error {
	name, data, err := i.read(path)
	if err != nil {
		return fail(err)
	}
	d, err := i.matrix.Read(name, data)
	if err != nil {
		return fail(err)
	}
	var text bytes.Buffer
	if err := d.Write(&text); err != nil {
		return fail(err)
	}
	if text.Len() > document.MaxSize {
		return fail(fmt.Errorf("%s: the draft would be larger than a policy file may be, %d MiB\n  hint: import the matrix in parts", name, document.MaxSize>>20))
	}
	if err := checkDraft("draft.toml", text.Bytes(), i.ports(), i.matrix.Beside, i.now); err != nil {
		return fail(fmt.Errorf("the draft is no valid policy, which is a defect; please report it: %w", err))
	}
	if _, err := i.stdout.Write(text.Bytes()); err != nil {
		return fail(err)
	}
	if err := i.account(name, d); err != nil {
		return fail(err)
	}
	if !d.Complete() {
		return answerNo()
	}
	return nil
}

// account lists what could not be placed, and says what became of all rows.
func (i *importer) account(name string, d *matrix.Draft) error {
	out := bufio.NewWriter(i.stderr)
	for p := range d.Left {
		fmt.Fprintln(out, d.Left[p].Error())
	}
	fmt.Fprintf(out, "%s: %s\n", name, d.Summary())
	return out.Flush()
}

func (i *importer) read(path string) (name string, data []byte, err error) {
	name = path
	if path == standardInput {
		name = "(standard input)"
	}
	data, err = readInput(path, name, i.stdin, largestMatrix)
	return name, data, err
}

func (i *importer) ports() []policy.Port {
	var ports []policy.Port
	for _, p := range i.matrix.Ports {
		ports = append(ports, p.Port)
	}
	return ports
}
