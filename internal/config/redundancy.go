package config

// redundancy validates how several servers stand in for each other.
func (c *checker) redundancy(raw *rawUpstream, u *Upstream) {
	u.Standby = choose(c, raw.Standby, StandbyWarm, StandbyHot)
	u.Failback = choose(c, raw.Failback, FailbackAuto, FailbackManual)
	u.FailbackHold = c.duration(raw.FailbackHold)
	u.OnFailover = choose(c, raw.OnFailover, FailoverClose, FailoverKeep)
	u.Balance = choose(c, raw.Balance, BalanceLeast, BalanceRoundRobin, BalanceSourceHash)
	if raw.Balance.Set && !raw.Parallel.Set {
		c.report(raw.Balance.Warning("has no effect without parallel",
			`sessions are spread over several servers: parallel = ["10.0.0.11:2020", "10.0.0.12:2020"]`))
	}
	if !raw.Backup.Set {
		c.withoutBackup(raw)
		return
	}
	if raw.Parallel.Set {
		c.report(raw.Backup.Problem("set beside parallel", "parallel servers stand in for each other; a backup is that of a primary"))
	}
	if raw.FailbackHold.Set && u.Failback.Value == FailbackManual {
		c.report(raw.FailbackHold.Warning(`has no effect with failback = "manual"`, "the primary comes back into use when it is told to"))
	}
	if u.Standby.Value == StandbyHot {
		c.hot(u)
	}
}

// withoutBackup reports what only counts where there is one.
func (c *checker) withoutBackup(raw *rawUpstream) {
	const message = "has no effect without backup"
	hint := `add backup = "host:port"`
	if raw.Parallel.Set {
		hint = "parallel servers stand in for each other; remove it"
	}
	for _, l := range []Located[string]{raw.Standby, raw.Failback} {
		if l.Set {
			c.report(l.Problem(message, hint))
		}
	}
	if raw.FailbackHold.Set {
		c.report(raw.FailbackHold.Problem(message, hint))
	}
	// Checks end the sessions of a sole server as well.
	if raw.OnFailover.Set && !raw.Parallel.Set && raw.Health == nil {
		c.report(raw.OnFailover.Problem("has no effect with a single server whose health is not checked",
			`add backup = "host:port", or [application.upstream.health]`))
	}
}

// hot refuses a spare connection that could serve no session.
func (c *checker) hot(u *Upstream) {
	switch {
	case u.ProxyProtocol != ProxyNone:
		c.report(u.Standby.Problem("a spare connection cannot begin with a PROXY header: whose session it will be is not known yet",
			`set standby = "warm", or remove proxy_protocol`))
	case u.Backup.Value.Network == "builtin":
		c.report(u.Standby.Problem("a built-in server needs no spare connection", `set standby = "warm"`))
	}
}
