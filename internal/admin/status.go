package admin

import "time"

// Status is what a running sallyport says of itself.
type Status struct {
	Version     string    `json:"version"`
	PID         int       `json:"pid"`
	Config      string    `json:"config"`
	Started     time.Time `json:"started"`
	State       string    `json:"state"` // "ready" or "draining"
	Generation  uint64    `json:"generation"`
	LastSuccess *Reload   `json:"last_success,omitempty"`
	LastFailure *Reload   `json:"last_failure,omitempty"`
	Sessions    Sessions  `json:"sessions"`
	Policy      Policy    `json:"policy"`
	Watch       Watch     `json:"watch"`
	Ports       []Port    `json:"ports"`

	Upstreams   []Upstream        `json:"upstreams"`
	SourcePorts []SourcePorts     `json:"source_ports,omitempty"` // that are in use, or waited for
	SourceLacks map[string]uint64 `json:"source_port_failures"`   // sessions without one, for each reason code

	Reloads         []ReloadCount    `json:"reloads"`                    // one for each trigger
	Certificates    []Certificate    `json:"certificates"`               // in use, the one that ends first in front
	RevocationLists []RevocationList `json:"revocation_lists,omitempty"` // likewise
}

// Sessions says how many sessions there are and may be.
type Sessions struct {
	Active int `json:"active"`
	Max    int `json:"max"`
}

// Policy says who may connect, and what has been counted for it since the start.
type Policy struct {
	Configured bool              `json:"configured"` // false: every connection is denied
	Hash       string            `json:"hash"`       // the same for files that say the same
	Files      []string          `json:"files"`
	Clients    int               `json:"clients"`
	Rules      int               `json:"rules"`
	Tests      int               `json:"tests"`
	Audit      string            `json:"audit"`           // where nothing is denied: "none", "ports" or "all"
	OnChange   string            `json:"on_change"`       // "keep" or "close"
	LockedOut  int               `json:"locked_out"`      // sources now
	Crowded    uint64            `json:"crowded"`         // sources locked out early, or locks that ended early, for want of room
	Sources    int               `json:"sources"`         // that limits tell apart now
	Overflowed uint64            `json:"overflowed"`      // connections counted with those of others, for want of room
	Refused    map[string]uint64 `json:"refused_limited"` // by limits, for each reason code
}

// Values of Policy.Audit.
const (
	AuditNone  = "none"
	AuditPorts = "ports"
	AuditAll   = "all"
)

// Watch says how the watch over the files is doing.
type Watch struct {
	On          bool       `json:"on"` // false: [reload] watch is
	Files       int        `json:"files"`
	Directories int        `json:"directories"`
	Deaf        int        `json:"deaf"`                  // directories whose changes are not heard, only looked for
	Error       string     `json:"error,omitempty"`       // why
	LastLook    *time.Time `json:"last_look,omitempty"`   // when files were compared
	LastChange  *time.Time `json:"last_change,omitempty"` // when one had changed
}

// Port is one listening port.
type Port struct {
	Application string `json:"application"`
	ID          string `json:"id"`
	Mode        string `json:"mode"`
	Listen      string `json:"listen"`  // as configured
	Address     string `json:"address"` // as bound: differs where the kernel chose the port
	Upstream    string `json:"upstream"`
}

// Reload is the outcome of one attempt to read everything anew. A failed one changed nothing.
type Reload struct {
	Time       time.Time `json:"time"`
	Trigger    string    `json:"trigger"`    // "start", "watch", "retry", "signal" or "request"
	Generation uint64    `json:"generation"` // in force afterwards
	OK         bool      `json:"ok"`
	Problems   []string  `json:"problems,omitempty"` // each as file:line:column: key: message, with its hint
	Warnings   []string  `json:"warnings,omitempty"`
	Ending     []string  `json:"ending,omitempty"` // warnings of what ends soon, which the log has when they are due
	Millis     int64     `json:"duration_ms"`
	Changes              // since the generation before
}

// FailedLast reports whether the latest of all reloads failed, given the latest that succeeded and the latest that failed.
// Either may be nil.
func FailedLast(success, failure *Reload) bool {
	return failure != nil && (success == nil || failure.Time.After(success.Time))
}

// Values of Reload.Trigger: what led to it.
const (
	TriggerStart   = "start"
	TriggerWatch   = "watch" // a file changed
	TriggerRetry   = "retry" // none has, and the one before failed
	TriggerSignal  = "signal"
	TriggerRequest = "request"
)

// Triggers returns all values of Reload.Trigger.
func Triggers() []string {
	return []string{TriggerStart, TriggerWatch, TriggerRetry, TriggerSignal, TriggerRequest}
}
