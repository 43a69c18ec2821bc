package proxy

import (
	"bytes"
	"crypto/tls"
	"io"
	"sync"
	"testing"

	"sallyport/policy"
)

// TestOneWriteForEachStep: however many records a chunk becomes, they leave in one system call.
func TestOneWriteForEachStep(t *testing.T) {
	type kind struct {
		name           string
		version, suite uint16
	}
	kinds := []kind{{"TLS 1.3", tls.VersionTLS13, 0}}
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if suite.SupportedVersions[0] != tls.VersionTLS13 {
			kinds = append(kinds, kind{suite.Name, tls.VersionTLS12, suite.ID})
		}
	}
	for _, tt := range kinds {
		t.Run(tt.name, func(t *testing.T) {
			p := newPairOf(t, tt.version, tt.suite)
			for _, n := range []int{1, 1000, recordSize, recordSize + 1, chunkSize - 1, chunkSize} {
				want := noise(n, n)
				got := make([]byte, n)
				read := make(chan error, 1)
				go func() {
					_, err := io.ReadFull(p.client, got)
					read <- err
				}()
				c := takeChunk(chunkSize)
				copy(c.data[:], want)
				before := p.feed.writes
				if err := p.send(c, n); err != nil {
					t.Fatal(err)
				}
				if writes := p.feed.writes - before; writes != 1 {
					t.Errorf("%d bytes: %d writes, want 1", n, writes)
				}
				if err := <-read; err != nil || !bytes.Equal(got, want) {
					t.Errorf("%d bytes: %v, or damaged", n, err)
				}
				if p.wire.out != nil {
					t.Errorf("%d bytes: the buffer is kept", n)
				}
			}
		})
	}
}

// TestAlertBehindCork: an alert that the reading side has to send must not wait for a step of the writing
// side, which may never come.
func TestAlertBehindCork(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) {
		p := newPair(t, version)
		p.feed.give(join([]byte{23, 3, 3, 0, 64}, make([]byte, 64)))
		told := make(chan error, 1)
		go func() {
			_, err := p.client.Read(make([]byte, 1))
			told <- err
		}()
		p.wire.cork(1) // where a writer is at that moment
		_, _, err := p.receive()
		if reason := reasonOfEnd(err); reason != policy.ProtocolError {
			t.Errorf("receive: %v, which is %s", err, reason)
		}
		p.interrupt() // as the relay does
		if err := <-told; !isRemoteAlert(err) {
			t.Errorf("the client is told %v, want an alert", err)
		}
	})
}

// TestWritersAtOnce: the reading side answers key updates while the writing side sends.
func TestWritersAtOnce(t *testing.T) {
	p := newPair(t, tls.VersionTLS13)
	text := noise(9, 4<<20)
	var work sync.WaitGroup
	sending := make(chan struct{}) // paces the updates: many of them without data between are an error
	work.Go(func() {
		defer close(sending)
		for rest := text; len(rest) > 0; {
			c := takeChunk(chunkSize)
			n := copy(c.data[:], rest)
			rest = rest[n:]
			select {
			case sending <- struct{}{}:
			default:
			}
			if err := p.send(c, n); err != nil {
				t.Error(err)
				return
			}
		}
		p.closeWrite()
	})
	var asked []byte
	for i := range 60 {
		asked = append(asked, byte(i))
		p.feed.give(append(p.keyUpdate(true), p.record([]byte{byte(i)})...))
	}
	p.feed.waiting = func() { <-sending }
	p.feed.give(p.seal(21, closeNotify))
	work.Go(func() { p.wantRest(asked, io.EOF) })
	got, err := io.ReadAll(p.client)
	if err != nil || !bytes.Equal(got, text) {
		t.Errorf("%d bytes of %d arrived, %v", len(got), len(text), err)
	}
	go silence(p.client.NetConn()) // answers behind the goodbye, if there are any
	work.Wait()
}
