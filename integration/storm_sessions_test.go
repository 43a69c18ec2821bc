//go:build integration

package integration

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// conversation is an established session with bytes of its own. One goroutine at a time uses it.
type conversation struct {
	conn interface {
		net.Conn
		CloseWrite() error
	}
	bytes *rand.ChaCha8
	sent  int64
}

// exchange sends bytes that nobody can guess and expects the same ones back.
func (c *conversation) exchange(n int) error {
	out, back := make([]byte, n), make([]byte, n)
	c.bytes.Read(out)
	c.conn.SetDeadline(time.Now().Add(3 * patience))
	if _, err := c.conn.Write(out); err != nil {
		return fmt.Errorf("after %d bytes: %w", c.sent, err)
	}
	if _, err := io.ReadFull(c.conn, back); err != nil {
		return fmt.Errorf("after %d bytes: %w", c.sent, err)
	}
	if !bytes.Equal(out, back) {
		return fmt.Errorf("after %d bytes: other bytes came back", c.sent)
	}
	c.sent += int64(n)
	return nil
}

// finish ends the session from this side and expects the other one to end it in order.
func (c *conversation) finish() error {
	defer c.conn.Close()
	if err := c.conn.CloseWrite(); err != nil {
		return err
	}
	if rest, err := io.ReadAll(c.conn); err != nil || len(rest) > 0 {
		return fmt.Errorf("at the end: %d more bytes, %w", len(rest), err)
	}
	return nil
}

// converse opens a session, the n-th in another way: TLS 1.3, plaintext, detected TLS 1.2, detected plaintext.
func (s *storm) converse(n int) (*conversation, error) {
	var seed [32]byte
	copy(seed[:], strconv.Itoa(n))
	c := &conversation{bytes: rand.NewChaCha8(seed)}
	port := []string{"secure", "plain", "auto", "auto"}[n%4]
	raw, err := net.DialTimeout("tcp", s.at[port], 3*patience)
	if err != nil {
		return nil, err
	}
	raw.SetDeadline(time.Now().Add(3 * patience))
	c.conn = raw.(*net.TCPConn)
	if n%2 == 0 {
		config := s.ca.ClientConfig("localhost", nil)
		if port == "auto" {
			config.MaxVersion = tls.VersionTLS12
		}
		c.conn = tls.Client(raw, config)
	}
	return c, c.exchange(100)
}

// echoServer is an echo in this process, whose sessions last as long as they like.
func echoServer(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", freeAddress(t))
	must(t, err)
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				// Without splicing, which takes a pipe for every session that waits.
				io.CopyBuffer(struct{ io.Writer }{conn}, struct{ io.Reader }{conn}, make([]byte, 4<<10))
				conn.(*net.TCPConn).CloseWrite()
			}()
		}
	}()
	return ln.Addr().String()
}

// TestStormEstablished holds thousands of sessions over a hundred reloads, half of them with broken files, while bytes go
// through them. None may be lost, and no byte of them.
func TestStormEstablished(t *testing.T) {
	sessions, reloads := storms(5000, 5000), storms(100, 1000)
	s := startStorm(t, echoServer(t), false, sessions)
	began := time.Now()
	all := make([]*conversation, sessions)
	parallel(t, sessions, func(i int) (err error) {
		all[i], err = s.converse(i)
		return err
	})
	established := time.Since(began)

	var stop atomic.Bool
	var exchanges atomic.Int64
	var talk sync.WaitGroup
	const talkers = 8
	for first := range talkers {
		talk.Go(func() {
			for round := 0; !stop.Load(); round++ {
				for i := first; i < sessions && !stop.Load(); i += talkers {
					if err := all[i].exchange(1 + (i*37+round*911)%3000); err != nil {
						t.Errorf("session %d is lost: %v", i, err)
						return
					}
					exchanges.Add(1)
				}
			}
		})
	}
	before := time.Now()
	for n := range reloads {
		s.turn(t, n)
	}
	reloading := time.Since(before)
	stop.Store(true)
	talk.Wait()

	parallel(t, sessions, func(i int) error { return all[i].exchange(2000) })
	if active := s.status(t).Sessions.Active; active != sessions {
		t.Errorf("%d sessions at the end, want %d", active, sessions)
	}
	parallel(t, sessions, func(i int) error { return all[i].finish() })
	waitFor(t, "all records", func() bool { return len(s.sessions()) >= sessions })
	var sent, in, out int64
	for _, c := range all {
		sent += c.sent
	}
	for _, r := range s.sessions() {
		if r.text(keyVerdict) != verdictAllow || r.text(keyCloseReason) != "end_of_stream" {
			t.Errorf("a session ended otherwise: %v", r)
		}
		in, out = in+number(r, keyBytesIn), out+number(r, keyBytesOut)
	}
	if in != sent || out != sent {
		t.Errorf("%d bytes sent, %d and %d on record", sent, in, out)
	}
	t.Logf("storm: %d sessions established in %s; %d reloads in %s, %d of them with broken files; %d exchanges meanwhile, %d bytes in all; lost: 0",
		sessions, established.Round(time.Millisecond), reloads, reloading.Round(time.Millisecond), reloads/2, exchanges.Load(), sent)
}

func number(r record, key string) int64 {
	n, _ := strconv.ParseInt(r.text(key), 10, 64)
	return n
}

// parallel does something n times, some at a time, and fails the test unless all succeed.
func parallel(t *testing.T, n int, do func(i int) error) {
	t.Helper()
	inLanes(t, 16, n, do)
}

// inLanes is parallel for so many at a time.
func inLanes(t *testing.T, lanes, n int, do func(i int) error) {
	t.Helper()
	var next, failed atomic.Int64
	var wait sync.WaitGroup
	for range lanes {
		wait.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := do(i); err != nil && failed.Add(1) <= 5 {
					t.Errorf("session %d: %v", i, err)
				}
			}
		})
	}
	wait.Wait()
	if failed.Load() > 0 {
		t.Fatalf("%d of %d failed", failed.Load(), n)
	}
}
