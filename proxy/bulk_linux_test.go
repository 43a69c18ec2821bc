package proxy

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sallyport/policy"
)

// piping returns how many pipes a server has, and how many of them are lent.
func (r *rig) piping() (open, lent int) {
	p := &r.server.pipes
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open, p.open - len(p.free)
}

// sidesOf are the networks of port and upstream that can be spliced.
var sidesOf = []struct{ port, upstream string }{{"tcp", "tcp"}, {"tcp", "unix"}, {"unix", "tcp"}, {"unix", "unix"}}

func spliced(t *testing.T, serve func(*testing.T, net.Conn), client func(*testing.T, *rig, net.Conn)) {
	for _, sides := range sidesOf {
		t.Run(sides.port+" to "+sides.upstream, func(t *testing.T) {
			r := newRig(t, silence)
			r.network = sides.port
			r.serveOn(sides.upstream, nil, func(conn net.Conn) { serve(t, conn) })
			r.start()
			client(t, r, r.dial())
		})
	}
}

// TestBulkIsSpliced, on all kinds of sockets, and the pipe is not held when nothing moves.
func TestBulkIsSpliced(t *testing.T) {
	text := noise(1, 16<<20)
	spliced(t, func(t *testing.T, conn net.Conn) {
		wantAll(t, conn, text)
		sendAll(t, conn, text)
	}, func(t *testing.T, r *rig, conn net.Conn) {
		if _, err := conn.Write(text); err != nil {
			t.Fatal(err)
		}
		eventually(t, "no pipe is lent to a direction that waits", func() bool {
			open, lent := r.piping()
			return open > 0 && lent == 0
		})
		halfClose(conn)
		wantAll(t, conn, text)
		r.wantRecord(KeyBytesIn, len(text), KeyBytesOut, len(text), KeyCloseReason, policy.EndOfStream)
		if open, lent := r.piping(); open == 0 || lent != 0 {
			t.Errorf("%d pipes, %d lent, want some and none", open, lent)
		}
	})
}

// TestSmallSessionsHaveNoPipe: neither short ones nor long ones of small messages.
func TestSmallSessionsHaveNoPipe(t *testing.T) {
	spliced(t, func(t *testing.T, conn net.Conn) { echo(conn) }, func(t *testing.T, r *rig, conn net.Conn) {
		message := make([]byte, 30<<10)
		for range 100 {
			conn.Write(message)
			if _, err := io.ReadFull(conn, message); err != nil {
				t.Fatal(err)
			}
		}
		sendAll(t, conn, nil)
		wantAll(t, conn, nil)
		r.wantRecord(KeyCloseReason, policy.EndOfStream)
		if open, _ := r.piping(); open != 0 {
			t.Errorf("%d pipes, want none", open)
		}
	})
}

// TestBulkHasToBeEarned by full chunks in a row.
func TestBulkHasToBeEarned(t *testing.T) {
	var b bulk
	var got []bool
	for _, full := range []bool{true, false, true, true, true, false, true} {
		got = append(got, b.promising(full))
	}
	wantSame(t, "promising", []bool{false, false, false, true, true, false, false}, got)
}

// TestNoPipeToBeHad: without a pipe, bulk is copied.
func TestNoPipeToBeHad(t *testing.T) {
	text := noise(2, 8<<20)
	for _, pipes := range []int{0, 1} {
		r := newRig(t, func(conn net.Conn) { exchange(t, conn, text, text) })
		r.pipes = pipes
		r.start()
		const sessions = 4
		done := make(chan struct{})
		for range sessions {
			go func() {
				defer func() { done <- struct{}{} }()
				exchange(t, r.dial(), text, text)
			}()
		}
		for range sessions {
			<-done
			r.wantRecord(KeyBytesIn, len(text), KeyBytesOut, len(text))
		}
		if open, lent := r.piping(); open > pipes || lent != 0 {
			t.Errorf("%d pipes, %d lent, want at most %d and none", open, lent, pipes)
		}
	}
}

// TestBulkReset: a pipe in which bytes are stuck is not lent again, or another session would get them.
func TestBulkReset(t *testing.T) {
	r := newRig(t, func(conn net.Conn) {
		io.ReadFull(conn, make([]byte, 8<<20))
		abort(conn)
	}).start()
	for range 20 {
		conn := r.dial()
		for {
			if _, err := conn.Write(make([]byte, 1<<20)); err != nil {
				break
			}
		}
		r.wantRecord(KeyCloseReason, policy.Reset, KeyClosedBy, Upstream)
		if _, lent := r.piping(); lent != 0 {
			t.Errorf("%d pipes are lent and lost", lent)
		}
	}
	r.wantPipesEmpty()
}

// wantPipesEmpty looks into all pipes that wait to be lent.
func (r *rig) wantPipesEmpty() {
	r.Helper()
	p := &r.server.pipes
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, pipe := range p.free {
		if n := pipe.buffered(r); n != 0 {
			r.Errorf("a pipe that waits to be lent has %d bytes in it", n)
		}
	}
}

// TestBulkWithStalls: sender and receiver pause at random, so that splicing begins, ends and blocks everywhere.
func TestBulkWithStalls(t *testing.T) {
	text := noise(3, 16<<20)
	stalling := func(seed uint64, n int, step func(from, to int) bool) {
		random := rand.New(rand.NewPCG(seed, 0))
		for at := 0; at < n; {
			size := min(1+random.IntN(1<<random.IntN(22)), n-at)
			if !step(at, at+size) {
				return
			}
			at += size
			if random.IntN(4) == 0 {
				pause()
			}
		}
	}
	send := func(t *testing.T, seed uint64, conn net.Conn) {
		stalling(seed, len(text), func(from, to int) bool {
			_, err := conn.Write(text[from:to])
			return err == nil
		})
		halfClose(conn)
	}
	receive := func(t *testing.T, seed uint64, conn net.Conn) {
		got := make([]byte, len(text))
		stalling(seed, len(text), func(from, to int) bool {
			_, err := io.ReadFull(conn, got[from:to])
			return err == nil
		})
		if !bytes.Equal(got, text) {
			t.Error("damaged")
		}
		wantAll(t, conn, nil)
	}
	spliced(t, func(t *testing.T, conn net.Conn) {
		sent := make(chan struct{})
		go func() { defer close(sent); send(t, 1, conn) }()
		receive(t, 2, conn)
		<-sent
	}, func(t *testing.T, r *rig, conn net.Conn) {
		sent := make(chan struct{})
		go func() { defer close(sent); send(t, 3, conn) }()
		receive(t, 4, conn)
		<-sent
		r.wantRecord(KeyBytesIn, len(text), KeyBytesOut, len(text))
		r.wantPipesEmpty()
	})
}

// TestBulkInterrupted: a limit ends a session whose receiver does not empty the pipe.
func TestBulkInterrupted(t *testing.T) {
	r := newRig(t, func(conn net.Conn) {
		for {
			if _, err := conn.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	})
	r.limits.IdleTimeout = 2 * time.Second
	r.start()
	conn := r.dial()
	if _, err := io.ReadFull(conn, make([]byte, 32<<20)); err != nil {
		t.Fatal(err)
	}
	r.wantRecord(KeyCloseReason, policy.IdleTimeout)
	if open, lent := r.piping(); lent != 0 {
		t.Errorf("%d pipes, %d lent", open, lent)
	}
	r.wantPipesEmpty()
}

// TestPipesAreClosed with the server.
func TestPipesAreClosed(t *testing.T) {
	before := descriptors(t)
	pool := &pipePool{most: 3}
	var pipes []*pipe
	for range 3 {
		pipes = append(pipes, pool.take())
	}
	if pool.take() != nil {
		t.Error("a fourth pipe of three")
	}
	pool.giveBack(pipes[0])
	pool.giveBack(pipes[1])
	if pool.take() == nil {
		t.Error("a pipe that came back is not lent again")
	}
	pool.giveBack(pipes[1])
	pool.destroy(pipes[2])
	pool.close()
	if after := descriptors(t); after != before || pool.open != 0 {
		t.Errorf("%d descriptors, %d pipes, want %d and none", after, pool.open, before)
	}
}

// buffered returns how many bytes are in a pipe.
func (p *pipe) buffered(t testing.TB) int {
	n, err := unix.IoctlGetInt(p.r, unix.TIOCINQ)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
