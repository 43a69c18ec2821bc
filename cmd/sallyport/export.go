package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"sallyport/internal/firewall"
	"sallyport/internal/firewall/export"
)

func exportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export TARGET",
		Short: "Write the policy as firewall rules, or as a matrix to review",
		Long: `Write what a firewall has to let pass so that the clients of the policy reach their ports, and so that the
connections of this host leave from their source ports, and nothing else does. TARGET is one of:

` + targetList() + `
The firewall, explain and the running sallyport then agree on every address and source port. The firewall
cannot know who shows which certificate: that stays with sallyport.

--at says where the firewall is:

  host     on this host: its ports are reached, and its pinned connections leave (the default)
  server   on the host that is connected to
  client   on the host that connects
  between  on the way

A port that listens on every address has to be told to everybody but its own host: --reached-at says
where clients find it, which is also the way to name a load balancer or a translated address.

Names of servers are resolved now, and the artefact says to which addresses; --resolve gives them
instead. Rules that have expired, or are not valid yet, are left out, and the artefact says so.

Kubernetes, AWS and Google have no source ports in their rules. What is written for them opens more
than the policy does, so they need --allow-weaker, and every restriction that is lost is named on
stderr and in the artefact.

--reproducible leaves the moment of the export out, so that only a change of the policy or of an
address changes the artefact. --diff OLD compares with an older export (csv) and says in words
what is different; the exit code is then 3 if anything is. Nothing is applied: that is up to people.`,
		Example: `  sallyport export nftables > sallyport.nft && nft -c -f sallyport.nft
  sallyport export csv --at between --reached-at 10.1.0.4 --out matrix.csv
  sallyport export aerleon --at between --reached-at config-server/secure=192.0.2.10:443 --out rules/
  sallyport export --diff matrix.csv`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("export writes one TARGET, and not %d", len(args))
			}
			return nil
		},
		ValidArgs: targetNames(),
	}
	var f exportFlags
	f.add(cmd)
	path := configFlag(cmd)
	out := cmd.Flags().StringP("out", "o", "", "the `FILE` to write, or the directory if there are several; standard output if left out")
	weaker := cmd.Flags().Bool("allow-weaker", false, "write also what cannot hold the policy's source ports")
	diff := cmd.Flags().String("diff", "", "compare with the export in `OLD` (csv) instead of writing one")
	cmd.MarkFlagFilename("diff", "csv")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		e := exporter{matrixReader{&f, *path, cmd.ErrOrStderr()}, *out, cmd.OutOrStdout()}
		switch {
		case *diff != "" && len(args) > 0:
			return fmt.Errorf("--diff compares and writes nothing: leave %q out", args[0])
		case *diff != "":
			return e.diff(cmd.Context(), *diff)
		case len(args) == 0:
			return fmt.Errorf("which target? It is one of %s", strings.Join(targetNames(), ", "))
		}
		format, err := export.Lookup(args[0])
		switch {
		case err != nil:
			return err
		case format.Weaker && !*weaker:
			return fmt.Errorf("%s cannot hold source ports: it would open more than the policy does\n"+
				"  hint: --allow-weaker writes it all the same and names every restriction that is lost", format.Name)
		}
		return e.export(cmd.Context(), format)
	}
	return cmd
}

func targetNames() []string {
	var names []string
	for _, f := range export.Formats() {
		names = append(names, f.Name)
	}
	return names
}

func targetList() string {
	var b strings.Builder
	for _, f := range export.Formats() {
		fmt.Fprintf(&b, "  %-11s %s\n", f.Name, f.Summary)
	}
	return b.String()
}

// exporter is one run of the command.
type exporter struct {
	matrixReader
	out    string
	stdout io.Writer
}

func (e *exporter) export(ctx context.Context, format export.Format) error {
	m, err := e.matrix(ctx)
	if err != nil {
		return err
	}
	a, err := format.Write(m, e.flags.options())
	if err != nil {
		return fail(err)
	}
	if err := e.write(format, a); err != nil {
		return fail(err)
	}
	for _, loss := range a.Losses {
		fmt.Fprintln(e.stderr, loss)
	}
	return nil
}

// write puts an artefact where it was asked for.
func (e *exporter) write(format export.Format, a *export.Artefact) error {
	switch {
	case e.out == "" && len(a.Files) == 1:
		_, err := e.stdout.Write(a.Files[0].Data)
		return err
	case e.out == "":
		return fmt.Errorf("%s consists of %d files: say --out DIRECTORY", format.Name, len(a.Files))
	case len(a.Files) == 1:
		return writeArtefact(e.out, a.Files[0].Data)
	}
	for _, file := range a.Files {
		path := filepath.Join(e.out, filepath.FromSlash(file.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := writeArtefact(path, file.Data); err != nil {
			return err
		}
	}
	return nil
}

// writeArtefact writes a file for everybody to read. What is there and no file, as a terminal, is written to.
func writeArtefact(path string, data []byte) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return os.WriteFile(path, data, 0)
	}
	err := replaceFile(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
	if err != nil {
		return err
	}
	return os.Chmod(path, 0o644)
}

// diff says in words what is different from an older export.
func (e *exporter) diff(ctx context.Context, old string) error {
	file, err := os.Open(old)
	if err != nil {
		return fail(err)
	}
	defer file.Close()
	data, err := readUpTo(largestRuleset, file, old)
	if err != nil {
		return fail(err)
	}
	before, err := export.ReadCSV(old, bytes.NewReader(data))
	if err != nil {
		return fail(err)
	}
	m, err := e.matrix(ctx)
	if err != nil {
		return err
	}
	changes := firewall.Diff(before, m.Flows)
	for _, change := range changes {
		fmt.Fprintln(e.stdout, change)
	}
	if len(changes) == 0 {
		fmt.Fprintln(e.stderr, "nothing is different")
		return nil
	}
	return answerNo()
}
