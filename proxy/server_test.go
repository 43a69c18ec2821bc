package proxy

import (
	"context"
	"crypto/tls"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"testing/synctest"

	"sallyport/policy"
)

// TestOneRecordForEachSession: whatever clients do, each leaves exactly one record and nothing else.
func TestOneRecordForEachSession(t *testing.T) {
	r := newRig(t, echo).secure(0)
	mutual(r)
	r.limits.MaxConnections = 30
	r.start()
	good := r.ca.ClientConfig("localhost", r.ca.Client(t, "client"))
	behaviours := []func(conn net.Conn){
		func(conn net.Conn) {},
		func(conn net.Conn) { abort(conn) },
		func(conn net.Conn) { conn.Write([]byte("garbage")) },
		func(conn net.Conn) { conn.Write(hello(t, good)[:77]) },
		func(conn net.Conn) { tls.Client(conn, r.clientConfig()).Handshake() },
		func(conn net.Conn) { tls.Client(conn, good).Handshake() },
		func(conn net.Conn) {
			c := tls.Client(conn, good)
			c.Write([]byte("hi"))
			io.ReadFull(c, make([]byte, 2))
			c.CloseWrite()
			io.Copy(io.Discard, c)
		},
		func(conn net.Conn) {
			c := tls.Client(conn, good)
			c.Write([]byte("hi"))
			abort(conn)
		},
	}
	const clients = 300
	var all sync.WaitGroup
	turn := make(chan struct{}, 40) // more than the port takes
	for range clients {
		turn <- struct{}{}
		all.Go(func() {
			defer func() { <-turn }()
			conn, err := net.Dial("tcp", r.address.String())
			if err != nil {
				return // turned away at once
			}
			defer conn.Close()
			behaviours[rand.IntN(len(behaviours))](conn)
		})
	}
	all.Wait()
	eventually(t, "all sessions are over", func() bool { return len(r.log) >= clients && r.server.Sessions() == 0 })
	ids := make(map[any]bool)
	for range clients {
		record := r.record()
		if ids[record[KeyID]] || record["msg"] != SessionMessage || record[KeyCloseReason] == nil || record[KeyClosedBy] == nil {
			t.Errorf("not the one record of a session: %v", record)
		}
		ids[record[KeyID]] = true
	}
	r.wantNoRecord()
	if n := len(r.limits.Lane.places); n != 0 {
		t.Errorf("%d places in the lane are not given back", n)
	}
}

// TestSessionKeepsItsGeneration, and new ones begin under the new.
func TestSessionKeepsItsGeneration(t *testing.T) {
	r := newRig(t, echo).start()
	old := r.dial()
	old.Write([]byte("x"))
	io.ReadFull(old, make([]byte, 1))
	port := *r.port
	port.ID = "new"
	r.port = &port
	r.server.Swap(r.generation(8))
	fresh := r.dial()
	sendAll(t, fresh, []byte("y"))
	wantAll(t, fresh, []byte("y"))
	r.wantRecord(KeyGeneration, 8, KeyPort, "new")
	sendAll(t, old, []byte("z"))
	wantAll(t, old, []byte("z"))
	r.wantRecord(KeyGeneration, 7, KeyPort, "port", KeyBytesIn, 2)
}

// rotten is a connection that panics in use.
type rotten struct{ net.Conn }

func (rotten) Read([]byte) (int, error) { panic("defect") }

// TestPanicWhileRelaying ends both sides, with its stack in the log.
func TestPanicWhileRelaying(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMemoryRig(t, silence)
		serve := r.target.Dialer.Unbound
		r.target.Dialer.Unbound = dialWith(func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := serve.DialContext(ctx, network, address)
			return rotten{conn}, err
		})
		conn := r.dialMemory()
		if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the client reads %v", err)
		}
		r.wantRecord(KeyCloseReason, policy.InternalError, KeyClosedBy, Proxy, KeyVerdict, "allow")
		r.wantNoRecord()
	})
}
