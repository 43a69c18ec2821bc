// Command sallyport puts TLS, client identity and port policy in front of servers that only
// speak plaintext.
package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitFailure = 1 // something is wrong with the files or with the running program
	exitUsage   = 2 // the command line is wrong
	exitNo      = 3 // the answer is no: explain denies, policy diff --exit-code finds differences
	exitUnsure  = 4 // there is no answer: audit firewall cannot tell
)

func main() { os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr)) }

// execute runs one command line and returns its exit code.
func execute(args []string, stdout, stderr io.Writer) int {
	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.Execute()
	if err == nil {
		return 0
	}
	if failed, ok := errors.AsType[*failure](err); ok {
		if failed.err != nil {
			fmt.Fprintf(stderr, "sallyport: %v\n", failed.err)
		}
		return cmp.Or(failed.code, exitFailure)
	}
	fmt.Fprintf(stderr, "sallyport: %v\nRun 'sallyport --help' for usage.\n", err)
	return exitUsage
}

// failure is an error of a command that was understood. Without a cause, everything that there is to say was
// printed before.
type failure struct {
	err  error
	code int // exit code; 0 means exitFailure
}

func (f *failure) Error() string { return fmt.Sprint(f.err) }

// fail makes an error of a command, as opposed to one of its command line.
func fail(err error) error {
	if err == nil {
		return nil
	}
	return &failure{err: err}
}

// answerNo ends a command whose answer was printed and is no.
func answerNo() error { return &failure{code: exitNo} }

// defaultConfig is the configuration that commands read unless told otherwise.
const defaultConfig = "config.toml"

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "sallyport",
		Short: "TLS, client identity and port policy in front of plaintext servers",
		Long: `sallyport terminates TLS beside a server that only speaks plaintext, or originates it beside
a client, and decides for every connection whether it may pass. One file says everything:

  sallyport check  --config config.toml    find what is wrong with it
  sallyport doctor --config config.toml    find what is in its way on this host
  sallyport run    --config config.toml    serve
  sallyport reload --config config.toml    make the running one read it again
  sallyport status --config config.toml    ask the running one how it is

  sallyport explain --from ADDRESS:PORT --to APPLICATION/PORT    say whether a connection passes, and why
  sallyport policy diff OLD NEW                                  say what another version of a policy changes

The config.toml that comes with sallyport documents every key.`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	// Not Root.Version, whose text can only be changed by a template: text/template calls methods by their names, so the linker
	// would keep every exported method there is, 2 MiB of them.
	asked := root.Flags().BoolP("version", "v", false, "version for sallyport")
	root.RunE = func(cmd *cobra.Command, _ []string) error {
		if !*asked {
			return cmd.Help()
		}
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "sallyport %s\n", version())
		return err
	}
	root.AddCommand(runCommand(), checkCommand(), reloadCommand(), statusCommand(), versionCommand(),
		explainCommand(), doctorCommand(), policyCommand(), suggestCommand(), lockoutsCommand(), unlockCommand(),
		failoverCommand(), failbackCommand(), exportCommand(), auditCommand(), importCommand())
	return root
}

// configFlag gives a command its --config flag and the right completion for it.
func configFlag(cmd *cobra.Command) *string {
	path := cmd.Flags().StringP("config", "c", defaultConfig, "configuration `FILE`")
	cmd.MarkFlagFilename("config", "toml")
	return path
}

// version returns the version of the build: set at link time, or the module's.
func version() string {
	if linkedVersion != "" {
		return linkedVersion
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "development"
}

// linkedVersion is set by the Makefile (-ldflags -X).
var linkedVersion string
