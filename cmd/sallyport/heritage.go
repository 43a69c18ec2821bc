package main

import (
	"encoding/json"
	"fmt"

	"sallyport/certs"
)

// heritage is what a process tells its successor when it hands over: what is neither a socket nor in a file. It goes over
// the UNIX socket between the two and nowhere else. Fields that the other version does not know are ignored.
//
// Leases of source ports will belong here (issue 5): a process takes no new ones once it has written this.
type heritage struct {
	Stored []string `json:"stored,omitempty"` // names of the sockets that systemd keeps

	// So that clients resume their TLS sessions. They are secrets, and never in a file.
	Tickets []certs.TicketKeys `json:"tickets,omitempty"`
}

// heritage returns what this process leaves behind.
func (d *daemon) heritage() []byte {
	data, err := json.Marshal(heritage{Stored: d.store.names(), Tickets: d.resumption.TicketKeys()})
	if err != nil {
		d.log.Warn("what this process knows does not survive", "error", err)
		return []byte("{}")
	}
	return data
}

// inherit takes what another process left behind.
func (d *daemon) inherit(state []byte) error {
	var h heritage
	if err := json.Unmarshal(state, &h); err != nil {
		return fmt.Errorf("what is handed over cannot be read: %w", err)
	}
	d.store.inherit(h.Stored)
	d.resumption.Adopt(h.Tickets)
	return nil
}
