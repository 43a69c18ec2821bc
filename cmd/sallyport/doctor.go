package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func doctorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look at this host for what keeps the configuration from working",
		Long: `Look at the host that it runs on, and say what is in the way of this configuration there, and what to
do about it. Nothing is changed, opened or connected to; the running sallyport is asked for its status.

  configuration   whether run would start with it
  running         whether a sallyport runs with it, and whether its latest reload succeeded
  addresses       whether the source addresses of upstreams are those of this host
  port range      whether the system gives source ports to other connections (ip_local_port_range)
  privileges      whether source ports may be used that take a privilege
  ports in use    listeners and connections of other programs on source ports
  timestamps      whether a source port can be used again at once (tcp_timestamps)
  routes          from which address each upstream with a literal address is reached
  clock           whether it is synchronised, and no earlier than this program
  descriptors     how many connections the limit of open files is enough for
  watches         whether the files can be watched (fs.inotify)
  UDP buffers     whether they are large enough for QUIC

Each finding is "ok", "note", "warning", "problem", or "unknown" where the system does not tell, often
for want of privileges: run it as the user that sallyport runs as, or as root. The exit code is 1 if
there are problems, and 0 otherwise.

--json prints one object: config, problems, warnings, and findings, each with check, level, text, and
where there are such hint and position.`,
		Example: `  sallyport doctor --config /etc/sallyport/config.toml
  sallyport doctor --json`,
		Args: cobra.NoArgs,
	}
	path := configFlag(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print everything as JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		d := newDiagnosis(*path, examine(cmd.Context(), *path, thisHost()).findings())
		if err := d.write(cmd.OutOrStdout(), *asJSON); err != nil {
			return fail(err)
		}
		if d.Problems > 0 {
			return fail(fmt.Errorf("%s: %s", *path, d.tally()))
		}
		return nil
	}
	return cmd
}
