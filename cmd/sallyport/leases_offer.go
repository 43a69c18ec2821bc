package main

import (
	"sallyport/internal/handover"
	"sallyport/proxy/sourceport"
)

// leaseOffer is what becomes of the leases in a handover: this process' own, and those of the ones before it.
type leaseOffer struct {
	ports *sourceport.Pool
	own   *leaseStream
	older []*foreignLeases
	given bool
}

func (u *upstreams) offerLeases() (*leaseOffer, error) {
	own, err := newLeaseStream()
	if err != nil {
		return nil, err
	}
	return &leaseOffer{ports: u.ports, own: own, older: u.foreign()}, nil
}

// sockets are the reading ends of all streams.
func (o *leaseOffer) sockets() []handover.Socket {
	list := []handover.Socket{{Name: leasesName, File: o.own.read}}
	for _, f := range o.older {
		list = append(list, handover.Socket{Name: leasesName, File: f.stream})
	}
	return list
}

// pause stops reading what the older processes say, and begins to note what comes free in this one. It returns all leases,
// in the order of the streams.
func (o *leaseOffer) pause() []*foreignLeases {
	foreign := make(map[sourceport.Tuple]bool)
	for _, f := range o.older {
		f.pause()
		for _, t := range f.Held {
			foreign[t] = true
		}
	}
	o.ports.Follow(o.own.released) // before anybody asks what is held, so that nothing is missed
	own := &foreignLeases{}
	for _, t := range o.ports.Held() {
		if !foreign[t] {
			own.Held = append(own.Held, t)
		}
	}
	return append([]*foreignLeases{own}, o.older...)
}

// give tells the next process from here on what comes free, until this one ends.
func (o *leaseOffer) give() {
	o.given = true
	go o.own.send()
}

// end closes what this process does not need any more. If nothing was given, it goes on as before.
func (o *leaseOffer) end() {
	_ = o.own.read.Close()
	if o.given {
		for _, f := range o.older {
			_ = f.stream.Close()
		}
		return
	}
	o.ports.Follow(nil)
	_ = o.own.write.Close()
	for _, f := range o.older {
		f.resume()
	}
}
