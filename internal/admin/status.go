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
	Ports       []Port    `json:"ports"`
}

// Sessions says how many sessions there are and may be.
type Sessions struct {
	Active int `json:"active"`
	Max    int `json:"max"`
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
	Generation uint64    `json:"generation"` // in force afterwards
	OK         bool      `json:"ok"`
	Problems   []string  `json:"problems,omitempty"` // each as file:line:column: key: message, with its hint
	Warnings   []string  `json:"warnings,omitempty"`
}
