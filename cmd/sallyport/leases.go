package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"sync"

	"sallyport/internal/handover"
	"sallyport/proxy/sourceport"
)

// leaseStream tells the next process which source ports come free: sessions go on in this one, and hold theirs. It is a pipe whose
// reading end is handed over with the sockets. Its end means that all are free.
type leaseStream struct {
	read, write *os.File

	mu    sync.Mutex
	queue []sourceport.Tuple
	ready chan struct{} // has room for the news that there is something in the queue
}

// leasesName is the name of the reading end among the sockets.
const leasesName = "leases"

func newLeaseStream() (*leaseStream, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &leaseStream{read: r, write: w, ready: make(chan struct{}, 1)}, nil
}

// socket is what is handed over.
func (s *leaseStream) socket() handover.Socket {
	return handover.Socket{Name: leasesName, File: s.read}
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

// send writes what has come free, for as long as the other process reads.
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
				return // it has ended, or another one has taken over from it
			}
		}
	}
}

// receiveLeases notes the ports that another process still holds, and frees them as it says, all of them when it ends.
func receiveLeases(ports *sourceport.Pool, held []sourceport.Tuple, stream *os.File, log *slog.Logger) {
	ports.Inherit(held)
	go func() {
		defer stream.Close()
		left := make(map[sourceport.Tuple]bool, len(held))
		for _, t := range held {
			left[t] = true
		}
		in := json.NewDecoder(stream)
		for {
			var t sourceport.Tuple
			if err := in.Decode(&t); err != nil {
				if err != io.EOF {
					log.Warn("the process before no longer says which source ports come free", "error", err)
				}
				break
			}
			delete(left, t)
			ports.Return(t)
		}
		for t := range left {
			ports.Return(t)
		}
	}()
}
