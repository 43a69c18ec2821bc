package load

import (
	"context"
	"fmt"
	"net"
	"sync"
)

// abreast is how many connections are opened at a time, unless a job wants them all at once: enough to keep the proxy busy.
const abreast = 16

// open opens n connections, at most so many at a time, and has each greet its server. All of them, or none.
func (d *dialer) open(ctx context.Context, n, atATime int, greet func(i int, conn net.Conn) error) ([]net.Conn, error) {
	conns, errs := make([]net.Conn, n), make([]error, n)
	turn := make(chan struct{}, max(atATime, 1))
	var all sync.WaitGroup
	for i := range n {
		turn <- struct{}{}
		all.Go(func() {
			defer func() { <-turn }()
			if conns[i], errs[i] = d.place().connect(ctx); errs[i] == nil {
				errs[i] = greet(i, conns[i])
			}
		})
	}
	all.Wait()
	if err := first(errs); err != nil {
		hangUp(conns)
		return nil, err
	}
	return conns, nil
}

// first returns the first error, with the number of those that there are.
func first(errs []error) error {
	var found error
	failed := 0
	for _, err := range errs {
		if err == nil {
			continue
		}
		failed++
		if found == nil {
			found = err
		}
	}
	if failed == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d connections: %w", failed, len(errs), found)
}

// hangUp closes those that are there.
func hangUp(conns []net.Conn) {
	for _, conn := range conns {
		if conn != nil {
			conn.Close()
		}
	}
}
