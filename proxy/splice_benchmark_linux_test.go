package proxy

import "testing"

// BenchmarkSplice moves plaintext within the kernel, from one socket to another. How to compare two versions stands
// in step_benchmark_test.go.
func BenchmarkSplice(b *testing.B) {
	from, sender := sockets(b)
	to, receiver := sockets(b)
	pipes := &pipePool{most: 1}
	defer pipes.close()
	s := newSplicer(pipes, newSocket(from), newSocket(to))
	go silence(receiver)
	message := make([]byte, chunkSize)
	b.SetBytes(chunkSize)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sender.Write(message); err != nil {
			b.Fatal(err)
		}
		for moved := 0; moved < chunkSize; {
			p, n, err := s.receive()
			if err != nil || p == nil {
				b.Fatal("nothing was spliced: ", err)
			}
			if err := s.send(); err != nil {
				b.Fatal(err)
			}
			pipes.giveBack(p)
			moved += n
		}
	}
}
