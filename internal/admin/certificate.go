package admin

import "time"

// Certificate is one that is in use.
type Certificate struct {
	Role      string    `json:"role"` // "leaf", "intermediate" or "authority"
	Subject   string    `json:"subject"`
	Serial    string    `json:"serial"` // hexadecimal
	Issuer    string    `json:"issuer"`
	Names     []string  `json:"names,omitempty"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`

	Files      []string `json:"files"`                  // where it was read, the first hundred
	FilesMore  int      `json:"files_more,omitempty"`   // beyond those
	UsedBy     []string `json:"used_by"`                // ports, and upstreams as "upstream of NAME", the first hundred
	UsedByMore int      `json:"used_by_more,omitempty"` // beyond those
}

// Values of Certificate.Role.
const (
	RoleLeaf         = "leaf"         // served to clients, or shown to upstreams
	RoleIntermediate = "intermediate" // sent with a leaf
	RoleAuthority    = "authority"    // of trusted_ca
)

// RevocationList is one that is in use.
type RevocationList struct {
	Issuer     string    `json:"issuer"`
	File       string    `json:"file"`
	ThisUpdate time.Time `json:"this_update"`
	NextUpdate time.Time `json:"next_update"`
	Revoked    int       `json:"revoked"` // certificates
}

// Changes are what a reload has made different, each in words. Long lists end with how many more there are.
type Changes struct {
	Policy       []string `json:"policy_changes,omitempty"` // what was added, removed, widened and narrowed
	Certificates []string `json:"certificate_changes,omitempty"`
	Trust        []string `json:"trust_changes,omitempty"` // CAs and revocation lists
	Ports        []string `json:"port_changes,omitempty"`
	Settings     []string `json:"setting_changes,omitempty"`
}

// All returns the changes of all kinds, one after the other.
func (c *Changes) All() []string {
	var all []string
	for _, list := range [][]string{c.Certificates, c.Trust, c.Ports, c.Settings, c.Policy} {
		all = append(all, list...)
	}
	return all
}

// ReloadCount says how often something led to a reload since the start.
type ReloadCount struct {
	Trigger   string `json:"trigger"`
	Succeeded uint64 `json:"succeeded"`
	Failed    uint64 `json:"failed"`
}
