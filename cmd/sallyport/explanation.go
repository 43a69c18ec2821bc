package main

import "time"

// explanation is what explain finds out, and what it prints with --json, where its names and
// meanings stay as they are; the help text of the command lists them. Values that do not apply
// are empty.
type explanation struct {
	Verdict     string             `json:"verdict"` // of the worst session
	Source      string             `json:"source"`  // as in the log; an address alone if the port is not known
	Application string             `json:"application"`
	Port        string             `json:"port"`
	SNI         string             `json:"sni"`
	Identities  []string           `json:"identities"`
	Time        time.Time          `json:"time"`
	Sessions    []explainedSession `json:"sessions"`
	Limits      *explainedDefaults `json:"source_limits"`
	Lockout     *explainedLockout  `json:"lockout"`
	Audit       explainedAudit     `json:"audit"`
	Settings    explainedSettings  `json:"settings"`
	Config      string             `json:"config"`
	PolicyFiles []string           `json:"policy_files"`
	PolicyHash  string             `json:"policy_hash"`

	portName    string // for text
	timed       bool   // a time was asked for
	unknownPort bool
}

// explainedSession is the connection with a client that speaks in one way.
type explainedSession struct {
	Mode     string           `json:"mode"` // one of those below
	Verdict  string           `json:"verdict"`
	Reason   string           `json:"reason"`
	Meaning  string           `json:"meaning"` // of the reason
	Moment   string           `json:"moment"`  // one of those below
	Rule     string           `json:"rule"`    // the rule or block that decides
	Nearest  string           `json:"nearest"`
	Failed   string           `json:"failed_condition"` // of the nearest rule
	Detail   string           `json:"detail"`           // why, in words
	Position string           `json:"position"`         // of what decides, or of the nearest rule
	Limits   *explainedLimits `json:"rule_limits"`
	Rules    []explainedRule  `json:"rules"`
}

// What a client speaks, as in the log.
const (
	modeTLS       = "tls"
	modePlaintext = "plaintext"
)

// The moments at which a connection can be refused.
const (
	momentEarly     = "early"
	momentHandshake = "handshake"
	momentFinal     = "final"
)

// explainedRule is one rule that names the port, and what it says to the session.
type explainedRule struct {
	ID        string   `json:"id"`
	Position  string   `json:"position"`
	Matches   bool     `json:"matches"`
	Client    string   `json:"client"`
	Failed    string   `json:"failed_condition"`
	Detail    string   `json:"detail"`
	From      []string `json:"from"`
	To        []string `json:"to"`
	TLS       string   `json:"tls"`
	Mode      string   `json:"mode"`
	Owner     string   `json:"owner"`
	Ticket    string   `json:"ticket"`
	Reason    string   `json:"reason"`
	ValidFrom string   `json:"valid_from"`
	Expires   string   `json:"expires"`
}

// explainedLimits are bounds, and who is counted: a client by name, or a source. With neither, all
// clients of the UNIX socket are counted as one.
type explainedLimits struct {
	MaxConnections int     `json:"max_connections"`
	Rate           string  `json:"rate"`
	RatePerSecond  float64 `json:"rate_per_second"`
	Burst          int     `json:"burst"`
	CountedClient  string  `json:"counted_client"`
	CountedSource  string  `json:"counted_source"` // an address, or a prefix
}

// explainedDefaults are the bounds of every source.
type explainedDefaults struct {
	explainedLimits
	Handshakes          string  `json:"handshakes"`
	HandshakesPerSecond float64 `json:"handshakes_per_second"`
	Position            string  `json:"position"`
}

// explainedLockout are the lock-out rules.
type explainedLockout struct {
	Failures int     `json:"failures"`
	Window   float64 `json:"window_s"`
	Duration float64 `json:"duration_s"`
	Forever  bool    `json:"forever"`
	Exempt   bool    `json:"exempt"` // the source is never locked out
	Position string  `json:"position"`
}

// explainedAudit says where audit mode holds: nowhere, on this port, or everywhere.
type explainedAudit struct {
	Scope    string `json:"scope"`
	Position string `json:"position"`
}

const (
	auditNone = "none"
	auditPort = "port"
	auditAll  = "all"
)

// explainedSettings are the settings of the port that are in force; nil where it has none.
type explainedSettings struct {
	Listen        *explainedSetting `json:"listen"`
	Mode          *explainedSetting `json:"mode"`
	ProxyProtocol *explainedSetting `json:"proxy_protocol"`
	Certificate   *explainedSetting `json:"certificate"`
	TrustedCA     *explainedSetting `json:"trusted_ca"`
	TLSProfile    *explainedSetting `json:"tls_profile"`
	ClientAuth    *explainedSetting `json:"client_auth"`
}

type explainedSetting struct {
	Value    string `json:"value"`
	Level    string `json:"level"`
	Position string `json:"position"` // empty for a default
}
