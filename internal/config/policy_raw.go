package config

import (
	"time"

	"sallyport/internal/config/document"
)

// The raw types mirror a policy file. As in config.toml a default lives in a tag
// and nowhere else; the reference policy.toml is tested against these tags.

type rawPolicyFile struct {
	Clients  []rawClient `toml:"client"`
	Groups   []rawMember `toml:"group"`
	Rules    []rawRule   `toml:"allow"`
	_        struct{}    `toml:"deny" instead:"there are no rules that deny: what no [[allow]] allows is denied, and a [[block]] comes before every rule"`
	_        struct{}    `toml:"rule" instead:"a rule is written as [[allow]]"`
	Blocks   []rawBlock  `toml:"block"`
	Defaults rawDefaults `toml:"defaults"`
	Lockout  rawLockout  `toml:"lockout"`
	Audit    rawAudit    `toml:"audit"`
	Tests    []rawTest   `toml:"test"`
	_        struct{}    `toml:"application" instead:"applications and their ports are in the configuration, whose [policy] names this file"`
}

type rawClient struct {
	document.Table
	Name       Located[string] `toml:"name"`
	Addresses  document.List   `toml:"addresses"`
	Ports      document.List   `toml:"ports"`
	Identities document.List   `toml:"identities"`
	RequireTLS Located[bool]   `toml:"require_tls" default:"false"`
}

type rawMember struct {
	document.Table
	Name    Located[string] `toml:"name"`
	Members document.List   `toml:"members"`
}

type rawRule struct {
	document.Table
	ID             Located[string]    `toml:"id"`
	From           document.List      `toml:"from"`
	To             document.List      `toml:"to"`
	TLS            Located[string]    `toml:"tls" default:"required"`
	MaxConnections Located[int64]     `toml:"max_connections"`
	Rate           Located[string]    `toml:"rate" unit:"/s"`
	Burst          Located[int64]     `toml:"burst"`
	Mode           Located[string]    `toml:"mode" default:"enforce"`
	Owner          Located[string]    `toml:"owner"`
	Ticket         Located[string]    `toml:"ticket"`
	Reason         Located[string]    `toml:"reason"`
	ValidFrom      Located[time.Time] `toml:"valid_from" day:"true"`
	Expires        Located[time.Time] `toml:"expires" day:"true"`
}

type rawBlock struct {
	document.Table
	ID        Located[string] `toml:"id"`
	Addresses document.List   `toml:"addresses"`
	Reason    Located[string] `toml:"reason"`
}

// rawDefaults apply where [defaults] is written. Without it nothing is limited.
type rawDefaults struct {
	document.Table
	Rate           Located[string] `toml:"rate" default:"100/s" unit:"/s"`
	Burst          Located[int64]  `toml:"burst" default:"200"`
	MaxConnections Located[int64]  `toml:"max_connections" default:"1000"`
	IPv6Prefix     Located[int64]  `toml:"ipv6_prefix" default:"64"`
	Handshakes     Located[string] `toml:"handshakes" default:"50/s" unit:"/s"`
}

// rawLockout applies where [lockout] is written. Without it nobody is locked out.
type rawLockout struct {
	document.Table
	Failures Located[int64]         `toml:"failures" default:"3"`
	Window   Located[time.Duration] `toml:"window" default:"30m"`
	Duration Located[time.Duration] `toml:"duration" default:"30m" forever:"forever"`
	Exempt   document.List          `toml:"exempt"` // default: loopback
}

type rawAudit struct {
	document.Table
	All   Located[bool] `toml:"all" default:"false"`
	Ports document.List `toml:"ports"`
}

type rawTest struct {
	document.Table
	From     Located[string]    `toml:"from"`
	Identity document.List      `toml:"identity" one:"true"`
	To       Located[string]    `toml:"to"`
	TLS      Located[bool]      `toml:"tls" default:"false"`
	At       Located[time.Time] `toml:"at"`
	Expect   Located[string]    `toml:"expect"`
}
