package watch

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// certificates writes n certificates of usual size with their keys into directories of 100 pairs, and trusts them.
func certificates(b *testing.B, n int) (Set, *Watcher) {
	b.Helper()
	dir := b.TempDir()
	var set Set
	text := make([]byte, 2000)
	for i := range n {
		pair := filepath.Join(dir, fmt.Sprint(i/100))
		if err := os.MkdirAll(pair, 0o755); err != nil {
			b.Fatal(err)
		}
		for _, ext := range []string{"crt", "key"} {
			file := filepath.Join(pair, fmt.Sprintf("%d.%s", i, ext))
			if err := os.WriteFile(file, text, 0o600); err != nil {
				b.Fatal(err)
			}
			set.Files = append(set.Files, file)
		}
	}
	w := New(nil, Options{})
	w.Follow(set, w.Snapshot(set))
	for path, found := range w.last.files {
		found.racy = false // they would be after some seconds
		w.last.files[path] = found
	}
	return set, w
}

// BenchmarkRecheck is what the periodic look costs for 10,000 certificates and keys, without the watches.
func BenchmarkRecheck(b *testing.B) {
	_, w := certificates(b, 10_000)
	for _, full := range []bool{false, true} {
		b.Run(map[bool]string{false: "stat", true: "full"}[full], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if f, _ := w.look(full); f.differs {
					b.Fatal("it differs from itself")
				}
				if !full {
					continue
				}
				for path, found := range w.last.files {
					found.racy = false
					w.last.files[path] = found
				}
			}
		})
	}
}

// BenchmarkListen is what finding and renewing the watches costs at each look.
func BenchmarkListen(b *testing.B) {
	set, w := certificates(b, 10_000)
	e := newEars(w.open)
	defer e.close()
	b.ReportAllocs()
	for b.Loop() {
		e.listen(locate(set))
	}
}

// BenchmarkFollow is what a reload costs besides reading: the snapshot before, and handing over.
func BenchmarkFollow(b *testing.B) {
	set, w := certificates(b, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		w.Follow(set, w.Snapshot(set))
	}
}
