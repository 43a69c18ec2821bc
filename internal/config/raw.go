package config

import (
	"time"

	"sallyport/internal/config/document"
)

// The raw types mirror the file. A default lives in a tag and nowhere else; the
// reference config.toml is tested against these tags.

type rawFile struct {
	Host         rawHost          `toml:"host"`
	Policy       rawPolicy        `toml:"policy"`
	Limits       rawLimits        `toml:"limits"`
	Reload       rawReload        `toml:"reload"`
	Admin        rawAdmin         `toml:"admin"`
	Log          rawLog           `toml:"log"`
	Applications []rawApplication `toml:"application"`
	_            struct{}         `toml:"allow" instead:"rules are in a policy file, which files in [policy] names"`
	_            struct{}         `toml:"client" instead:"clients are in a policy file, which files in [policy] names"`
	_            struct{}         `toml:"block" instead:"blocks are in a policy file, which files in [policy] names"`
	_            struct{}         `toml:"tunnel" later:"tunnels come with a later release"`
}

// rawGroup is inherited as a whole: the innermost level that has a certificate
// supplies all of it.
type rawGroup struct {
	rawCertificate
	TrustedCA Located[string] `toml:"trusted_ca"`
	CRL       document.List   `toml:"crl" one:"true"`
}

type rawCertificate struct {
	Certificate    document.List   `toml:"certificate" one:"true"`
	CertificateKey document.List   `toml:"certificate_key" one:"true"`
	PasswordFile   Located[string] `toml:"certificate_password_file"`
}

// rawFlags are inherited one by one.
type rawFlags struct {
	TLSProfile     Located[string] `toml:"tls_profile" default:"intermediate"`
	ClientAuth     Located[string] `toml:"client_auth" default:"none"`
	SessionTickets Located[bool]   `toml:"session_tickets" default:"true"`
}

type rawHost struct {
	Name     Located[string] `toml:"name"`
	StateDir Located[string] `toml:"state_dir" default:"state"`
	rawGroup
	rawFlags
}

type rawPolicy struct {
	document.Table
	Files       document.List          `toml:"files"`
	OnChange    Located[string]        `toml:"on_policy_change" default:"keep"`
	CloseSpread Located[time.Duration] `toml:"close_spread" default:"10s"`
}

type rawLimits struct {
	MaxConnections   Located[int64]         `toml:"max_connections" default:"0"`
	HandshakeLane    Located[int64]         `toml:"handshake_lane" default:"0"`
	HandshakeTimeout Located[time.Duration] `toml:"handshake_timeout" default:"10s"`
	HeaderTimeout    Located[time.Duration] `toml:"header_timeout" default:"5s"`
	DialTimeout      Located[time.Duration] `toml:"dial_timeout" default:"5s"`
	IdleTimeout      Located[time.Duration] `toml:"idle_timeout" default:"1h"`
	HalfCloseTimeout Located[time.Duration] `toml:"half_close_timeout" default:"5m"`
	MaxLifetime      Located[time.Duration] `toml:"max_lifetime" default:"0s"`
	DrainTimeout     Located[time.Duration] `toml:"drain_timeout" default:"30s"`
	HandoverTimeout  Located[time.Duration] `toml:"handover_timeout" default:"0s"`
	DeadPeerTimeout  Located[time.Duration] `toml:"dead_peer_timeout" default:"9s"`
}

type rawReload struct {
	Watch   Located[bool]          `toml:"watch" default:"true"`
	Recheck Located[time.Duration] `toml:"recheck" default:"30s"`
}

type rawAdmin struct {
	Listen Located[string] `toml:"listen"` // the default depends on state_dir and the file's name
	_      struct{}        `toml:"token" later:"for now the admin socket is protected by being local only"`
	_      struct{}        `toml:"token_file" later:"for now the admin socket is protected by being local only"`
	_      struct{}        `toml:"banner_file" later:"the banner comes with a later release"`
}

type rawLog struct {
	Level         Located[string] `toml:"level" default:"info"`
	Format        Located[string] `toml:"format" default:"text"`
	DefaultFilter Located[string] `toml:"default_filter" default:"copy"`
	Filter        document.Pairs  `toml:"filter"`
}

type rawApplication struct {
	document.Table
	Name Located[string] `toml:"name" identity:"true"`
	rawGroup
	rawFlags
	Upstream *rawUpstream `toml:"upstream"`
	Ports    []rawPort    `toml:"port"`
}

type rawUpstream struct {
	document.Table
	Primary       Located[string]        `toml:"primary" list:"several servers side by side are parallel = [...]; one that stands in for another is backup = \"host:port\""`
	Backup        Located[string]        `toml:"backup" list:"a primary has one backup; several servers side by side are parallel = [...]"`
	Parallel      document.List          `toml:"parallel"`
	Standby       Located[string]        `toml:"standby" default:"warm"`
	Failback      Located[string]        `toml:"failback" default:"auto"`
	FailbackHold  Located[time.Duration] `toml:"failback_hold" default:"30s"`
	OnFailover    Located[string]        `toml:"on_failover" default:"close"`
	Balance       Located[string]        `toml:"balance" default:"least_connections"`
	MaxDials      Located[int64]         `toml:"max_dials" default:"64"`
	DialQueue     Located[int64]         `toml:"dial_queue" default:"16384"`
	ProxyProtocol Located[string]        `toml:"proxy_protocol"`
	Health        *rawHealth             `toml:"health"`
	Source        *rawSource             `toml:"source"`
	TLS           *rawUpstreamTLS        `toml:"tls"`
}

type rawHealth struct {
	document.Table
	Interval Located[time.Duration] `toml:"interval" default:"2s"`
	Timeout  Located[time.Duration] `toml:"timeout" default:"1s"`
	Rise     Located[int64]         `toml:"rise" default:"2"`
	Fall     Located[int64]         `toml:"fall" default:"3"`
	Send     Located[string]        `toml:"send"`
	Expect   Located[string]        `toml:"expect"`
}

type rawSource struct {
	document.Table
	Address     document.List          `toml:"address" one:"true"`
	Ports       document.List          `toml:"ports" one:"true"`
	BackupPorts document.List          `toml:"backup_ports" one:"true"`
	HealthPorts document.List          `toml:"health_ports" one:"true"`
	Wait        Located[time.Duration] `toml:"wait" default:"2s"`
}

type rawUpstreamTLS struct {
	document.Table
	ServerName Located[string] `toml:"server_name"`
	ALPN       document.List   `toml:"alpn"`
	rawGroup
}

type rawPort struct {
	document.Table
	ID            Located[string]        `toml:"id" identity:"true"`
	Listen        Located[string]        `toml:"listen"`
	_             struct{}               `toml:"transport" later:"every port is TCP or a UNIX socket for now"`
	Mode          Located[string]        `toml:"mode"`
	DetectTimeout Located[time.Duration] `toml:"detect_timeout" default:"300ms"`
	SilentClient  Located[string]        `toml:"silent_client" default:"plaintext"`
	rawGroup
	rawFlags
	ALPN          document.List   `toml:"alpn"`
	SNI           []rawSNI        `toml:"sni"`
	ProxyProtocol Located[string] `toml:"proxy_protocol"`
	ProxyTrusted  document.List   `toml:"proxy_trusted"`
	ProxyMulti    Located[bool]   `toml:"proxy_multiplexed" default:"false"`
}

type rawSNI struct {
	document.Table
	Names document.List `toml:"names" identity:"true"`
	rawCertificate
	Upstream *rawUpstream `toml:"upstream"`
}
