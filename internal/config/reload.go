package config

import (
	"fmt"
	"time"
)

// Looking at thousands of files more often than this would keep a processor busy with nothing else.
const shortestRecheck = 100 * time.Millisecond

func (c *checker) reload(raw rawReload) Reload {
	r := Reload{Watch: raw.Watch.Value, Recheck: c.duration(raw.Recheck)}
	if r.Recheck > 0 && r.Recheck < shortestRecheck {
		c.report(raw.Recheck.Problem(fmt.Sprintf("%s is too short", r.Recheck),
			fmt.Sprintf(`at least %q, or "0s" for no looks beside what the system reports`, shortestRecheck)))
	}
	return r
}
