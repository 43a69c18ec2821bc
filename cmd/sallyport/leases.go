package main

import (
	"encoding/json"
	"os"
	"sync"

	"sallyport/internal/handover"
	"sallyport/proxy/sourceport"
)

// leaseStream tells the next process which source ports come free: sessions go on in this one, and hold theirs. It is a pipe
// whose reading end is handed over with the sockets. Its end means that all are free.
type leaseStream struct {
	read, write *os.File

	mu    sync.Mutex
	queue []sourceport.Tuple
	ready chan struct{} // has room for the news that there is something in the queue
}

func newLeaseStream() (*leaseStream, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &leaseStream{read: r, write: w, ready: make(chan struct{}, 1)}, nil
}

// released takes a port that has come free. It never blocks: whoever releases a port has no time for the other process.
func (s *leaseStream) released(t sourceport.Tuple) {
	s.mu.Lock()
	s.queue = append(s.queue, t)
	s.mu.Unlock()
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// send writes what has come free, for as long as anybody reads.
func (s *leaseStream) send() {
	defer s.write.Close()
	out := json.NewEncoder(s.write)
	for range s.ready {
		s.mu.Lock()
		queue := s.queue
		s.queue = nil
		s.mu.Unlock()
		for _, t := range queue {
			if out.Encode(t) != nil {
				return
			}
		}
	}
}

// leasesName is the name of reading ends among the sockets.
const leasesName = "leases"

// withoutLeases takes the reading ends out of what was handed over, in their order.
func withoutLeases(all []handover.Socket) (sockets []handover.Socket, streams []*os.File) {
	for _, s := range all {
		if s.Name == leasesName {
			streams = append(streams, s.File)
		} else {
			sockets = append(sockets, s)
		}
	}
	return sockets, streams
}
