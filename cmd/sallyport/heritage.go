package main

import (
	"encoding/json"
	"fmt"

	"sallyport/certs"
	"sallyport/proxy/upstream"
)

// heritage is what a process tells its successor when it hands over: what is neither a socket nor in a file. It goes over
// the UNIX socket between the two and nowhere else. Fields that the other version does not know are ignored.
type heritage struct {
	Stored []string `json:"stored,omitempty"` // names of the sockets that systemd keeps

	// Which endpoints are in use, by the name of the upstream.
	Upstreams map[string]upstream.Memory `json:"upstreams,omitempty"`

	// Source ports of connections that go on in this process, and in those before it, in the order of their streams; see
	// leaseStream. A session that is connected only after this was written takes one that is not among them, and if the other
	// process takes the same, the kernel refuses it to one of the two, which waits.
	Leases []*foreignLeases `json:"leases,omitempty"`

	// So that clients resume their TLS sessions. They are secrets, and never in a file.
	Tickets []certs.TicketKeys `json:"tickets,omitempty"`
}

// heritage returns what this process leaves behind, leases of source ports included.
func (d *daemon) heritage(leases []*foreignLeases) []byte {
	data, err := json.Marshal(heritage{
		Stored:    d.store.names(),
		Upstreams: d.upstreams.memory(),
		Leases:    leases,
		Tickets:   d.resumption.TicketKeys(),
	})
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
	d.upstreams.remember(h.Upstreams)
	d.upstreams.adoptLeases(h.Leases, d.takeover.leases)
	d.resumption.Adopt(h.Tickets)
	return nil
}
