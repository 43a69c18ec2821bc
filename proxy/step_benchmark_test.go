//go:build unix

package proxy

import (
	"crypto/tls"
	"fmt"
	"testing"
)

// The hot steps of a relay. To compare two versions, on a quiet machine:
//
//	go test ./proxy -run '^$' -bench 'HandOut|Receive|Send|Step' -cpu 1 -count 10 > old.txt
//	(the same with the other version) > new.txt
//	go run golang.org/x/perf/cmd/benchstat@latest old.txt new.txt

// BenchmarkHandOut is what a wire does for a buffer of full records, without the network.
func BenchmarkHandOut(b *testing.B) {
	record := make([]byte, recordSize+recordHeader)
	record[0], record[3] = 23, recordSize>>8
	w := &wire{relayed: true}
	b.SetBytes(3 * int64(len(record)))
	b.ReportAllocs()
	into := make([]byte, 2*recordSize)
	for b.Loop() {
		w.in, w.at, w.end = takeChunk(chunkSize), 0, 3*len(record)
		for i := range 3 {
			copy(w.in.data[i*len(record):], record[:recordHeader])
		}
		for w.ready() {
			if w.handOut(into) != len(record) {
				b.Fatal("not a record")
			}
		}
	}
}

// BenchmarkReceive reads from a socket, and decrypts.
func BenchmarkReceive(b *testing.B) {
	eachStep(b, func(b *testing.B, version uint16, size int) {
		near, far := sockets(b)
		e := plainEnd(Client, near)
		if version != 0 {
			e, far = tlsOver(b, version, near, far)
		}
		message := make([]byte, size)
		for b.Loop() {
			b.StopTimer()
			if _, err := far.Write(message); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			for got := 0; got < size; {
				c, n, err := e.receive()
				if err != nil {
					b.Fatal(err)
				}
				c.giveBack()
				got += n
			}
		}
	})
}

// BenchmarkSend encrypts and writes to a socket.
func BenchmarkSend(b *testing.B) {
	eachStep(b, func(b *testing.B, version uint16, size int) {
		near, far := sockets(b)
		e := plainEnd(Client, near)
		if version != 0 {
			e, far = tlsOver(b, version, near, far)
		}
		go silence(bareSocket(far))
		for b.Loop() {
			if err := e.send(takeChunk(size), size); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkStep is a whole step of a flow: from the sender's write to the receiver's socket.
func BenchmarkStep(b *testing.B) {
	eachStep(b, func(b *testing.B, version uint16, size int) {
		from, sender := sockets(b)
		to, receiver := sockets(b)
		f := flow{from: plainEnd(Upstream, from), to: plainEnd(Client, to)}
		if version != 0 {
			f.to, receiver = tlsOver(b, version, to, receiver)
		}
		go silence(bareSocket(receiver))
		message := make([]byte, size)
		for b.Loop() {
			if _, err := sender.Write(message); err != nil {
				b.Fatal(err)
			}
			for moved := 0; moved < size; {
				c, n, err := f.from.receive()
				if err != nil {
					b.Fatal(err)
				}
				if err := f.to.send(c, n); err != nil {
					b.Fatal(err)
				}
				moved += n
			}
		}
	})
}

// eachStep runs a benchmark with a message and with a full chunk, bare and over TLS.
func eachStep(b *testing.B, run func(b *testing.B, version uint16, size int)) {
	kinds := []struct {
		name    string
		version uint16
	}{{"plaintext", 0}, {"TLS 1.3", tls.VersionTLS13}}
	for _, kind := range kinds {
		for _, size := range []int{128, chunkSize} {
			b.Run(fmt.Sprintf("%s/%d", kind.name, size), func(b *testing.B) {
				b.SetBytes(int64(size))
				b.ReportAllocs()
				run(b, kind.version, size)
			})
		}
	}
}
