package watch

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// disk is a small tree on which anything is done that may be done to files. Failures of single operations are part of
// it.
type disk struct {
	dir   string
	count int
}

func (d *disk) at(name string) string { return filepath.Join(d.dir, filepath.FromSlash(name)) }

func (d *disk) set() Set {
	return Set{
		Files: []string{d.at("tls.crt"), d.at("live/tls.key"), d.at("a/b/ca.crt"), d.at("far")},
		Globs: []string{d.at("policy.d/*.toml"), d.at("*/b/*.toml")},
	}
}

func (d *disk) prepare() {
	for _, dir := range []string{"a/b", "policy.d", "v1", "v2"} {
		_ = os.MkdirAll(d.at(dir), 0o755)
	}
	for _, file := range []string{"tls.crt", "v1/tls.key", "v2/tls.key", "a/b/ca.crt"} {
		_ = os.WriteFile(d.at(file), []byte("first"), 0o600)
	}
	_ = os.Symlink("v1", d.at("live"))
	_ = os.Symlink("a/b/ca.crt", d.at("far"))
}

// do does one thing, chosen by the byte.
func (d *disk) do(op byte) {
	d.count++
	text := []byte(fmt.Sprint("text ", d.count/3)) // some are written again as they are
	files := []string{"tls.crt", "v1/tls.key", "v2/tls.key", "a/b/ca.crt", "policy.d/p.toml", "a/b/q.toml", "policy.d/.hidden.toml", "noise"}
	file := d.at(files[op>>5])
	switch op & 31 {
	case 0, 1, 2, 3:
		_ = os.WriteFile(file, text, 0o600)
	case 4, 5, 6, 7:
		_ = os.WriteFile(file+"~", text, 0o600)
		_ = os.Rename(file+"~", file)
	case 8, 9:
		_ = os.Remove(file)
	case 10:
		_ = os.Truncate(file, 0)
	case 11:
		_ = os.Chmod(file, 0o640)
	case 12:
		now := time.Now()
		_ = os.Chtimes(file, now, now)
	case 13, 14:
		target := []string{"v1", "v2", "a/b", "nowhere"}[d.count%4]
		_ = os.Symlink(target, d.at("live~"))
		_ = os.Rename(d.at("live~"), d.at("live"))
	case 15:
		_ = os.Remove(d.at("far"))
		_ = os.Symlink([]string{"a/b/ca.crt", "tls.crt", "far", d.at("live/tls.key")}[d.count%4], d.at("far"))
	case 16:
		_ = os.RemoveAll(filepath.Dir(file))
	case 17, 18, 19:
		_ = os.MkdirAll(filepath.Dir(file), 0o755)
	case 20:
		_ = os.Rename(d.at("a"), d.at("aside"))
	case 21:
		_ = os.Rename(d.at("aside"), d.at("a"))
	case 22:
		_ = os.Rename(d.at("v1"), d.at("v3"))
	case 23:
		_ = os.Rename(d.at("v3"), d.at("v1"))
	case 24:
		_ = os.Rename(d.at("policy.d"), d.at("v1/policy.d"))
	case 25:
		_ = os.Remove(file)
		_ = os.Mkdir(file, 0o755)
	case 26:
		d.prepare()
	case 27:
		_ = os.Rename(d.dir, d.dir+".away")
		_ = os.MkdirAll(d.dir, 0o755)
		d.prepare()
	default:
		_ = os.WriteFile(d.at("noise"), text, 0o600)
	}
}

// play does what ops say and expects that the reader ends up with what is on disk, told by events alone, and never
// told twice within a quiet time.
func play(t *testing.T, ops []byte) {
	t.Helper()
	d := &disk{dir: filepath.Join(t.TempDir(), "disk")}
	_ = os.MkdirAll(d.dir, 0o755)
	d.prepare()
	opt := byEvents()
	opt.Quiet = time.Millisecond // so that it looks in the middle of things
	opt.Longest = 5 * time.Millisecond
	r := follow(t, opt, d.set())
	first, _ := r.known()
	for i, op := range ops {
		if d.do(op); i%8 == 7 {
			r.settle() // otherwise most of it would be one burst
		}
	}
	r.catchUp("the reader knows what is on disk")
	r.settle()
	seen, signals := r.known()
	if !same(first, seen) && signals == 0 {
		t.Error("it changed without a signal")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := 1; i < len(r.times); i++ {
		if gap := r.times[i].Sub(r.times[i-1]); gap < opt.Quiet {
			t.Errorf("signals %d and %d are only %v apart", i-1, i, gap)
		}
	}
}

func TestRandomOperations(t *testing.T) {
	for i := range 40 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			random := rand.New(rand.NewPCG(seed, 0))
			ops := make([]byte, 100)
			for i := range ops {
				ops[i] = byte(random.Uint32())
			}
			play(t, ops)
		})
	}
}

func FuzzOperations(f *testing.F) {
	f.Add([]byte{0, 4, 8, 13, 16, 17, 20, 21, 27})
	f.Add([]byte{14, 14, 14, 14, 1, 33, 65, 97})
	f.Add([]byte{15, 15, 15, 15, 2})
	f.Fuzz(func(t *testing.T, ops []byte) {
		if len(ops) <= 200 {
			play(t, ops)
		}
	})
}
