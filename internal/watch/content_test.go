package watch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLook(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	write(t, at("file"), "text")
	write(t, at("empty"), "")
	write(t, at("large"), strings.Repeat("x", 101))
	write(t, at("limit"), strings.Repeat("x", 100))
	mkdir(t, at("dir"))
	link(t, "file", at("link"))
	link(t, "nowhere", at("dangling"))
	link(t, "circle", at("circle"))
	tests := []struct {
		name  string
		kind  kind
		empty bool
	}{
		{"file", regular, false},
		{"empty", regular, true},
		{"limit", regular, false},
		{"large", huge, false},
		{"dir", odd, false},
		{"link", regular, false},
		{"dangling", missing, false},
		{"circle", unreadable, false},
		{"absent", missing, false},
		{"file/below", missing, false},
		{"absent/below", missing, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			found := newEye(100).look(at(test.name), entry{}, false)
			if found.kind != test.kind || found.empty != test.empty {
				t.Errorf("kind %d, empty %t, want %d, %t", found.kind, found.empty, test.kind, test.empty)
			}
		})
	}
}

func TestLookAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "text")
	eye := newEye(100)
	first := eye.look(file, entry{}, false)
	if !first.racy {
		t.Error("a file of this moment is trusted")
	}
	known := first
	known.racy = false
	known.sum[0]++ // so that it shows whether the file is read
	if again := eye.look(file, known, false); again != known {
		t.Error("read although the stamp is the same")
	}
	racy := known
	racy.racy = true
	torn := known
	torn.torn = true
	for name, last := range map[string]entry{"racy": racy, "torn": torn} {
		if again := eye.look(file, last, false); again.content != first.content {
			t.Errorf("not read although what is known is %s", name)
		}
	}
	if again := eye.look(file, known, true); again.content != first.content {
		t.Error("not read although all is to be read")
	}
	replace(t, file, "next")
	if again := eye.look(file, known, false); stampsTell && again.content == known.content {
		t.Error("another file is not read")
	}
}

// TestHuge: of files beyond the limit, time and size count.
func TestHuge(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "0123456789")
	eye := newEye(5)
	first := eye.look(file, entry{}, false)
	if again := eye.look(file, first, true); again.content != first.content {
		t.Error("it differs from itself")
	}
	longAgo := time.Unix(1_000_000, 0)
	if err := os.Chtimes(file, longAgo, longAgo); err != nil {
		t.Fatal(err)
	}
	if again := eye.look(file, first, false); again.content == first.content {
		t.Error("another time is not seen")
	}
}

// TestTorn: a file that is written while it is read is not what anybody wrote.
func TestTorn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, strings.Repeat("x", 1<<20))
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := byte(0); ; i++ {
			select {
			case <-stop:
				return
			default:
				_ = os.WriteFile(file, []byte(strings.Repeat(string(i), 1<<20)), 0o600)
			}
		}
	}()
	eye := newEye(2 << 20)
	eventually(t, "a file is seen half written", func() bool { return eye.look(file, entry{}, false).torn })
	close(stop)
	<-done
	if found := eye.look(file, entry{}, false); found.torn || found.kind != regular {
		t.Errorf("at rest: %+v", found)
	}
}

func TestCompare(t *testing.T) {
	one, two := content{kind: regular, sum: [32]byte{1}}, content{kind: regular, sum: [32]byte{2}}
	blank, gone := content{kind: regular, empty: true}, content{kind: missing}
	draw := func(list string, files map[string]content) picture {
		p := picture{globs: map[string]matches{"*": {list: list}}, files: make(map[string]entry)}
		for path, content := range files {
			p.files[path] = entry{content: content}
		}
		return p
	}
	base := draw("a\x00b\x00", map[string]content{"a": one, "b": one})
	torn := draw("a\x00b\x00", map[string]content{"a": two, "b": one})
	torn.files["a"] = entry{content: two, torn: true}
	tests := []struct {
		name string
		now  picture
		want finding
	}{
		{"the same", draw("a\x00b\x00", map[string]content{"a": one, "b": one}), finding{}},
		{"another content", draw("a\x00b\x00", map[string]content{"a": two, "b": one}), finding{differs: true}},
		{"emptied", draw("a\x00b\x00", map[string]content{"a": blank, "b": one}), finding{true, true}},
		{"gone", draw("a\x00b\x00", map[string]content{"a": gone, "b": one}), finding{true, true}},
		{"torn", torn, finding{true, true}},
		{"another match", draw("a\x00b\x00c\x00", map[string]content{"a": one, "b": one, "c": one}), finding{differs: true}},
		{"no match any more", draw("a\x00", map[string]content{"a": one}), finding{true, true}},
		{"a match that is a part of another's name", draw("ab\x00b\x00", map[string]content{"ab": one, "b": one}), finding{true, true}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, base.compare(test.now), cmp.AllowUnexported(finding{})); diff != "" {
				t.Errorf("finding (-want +got):\n%s", diff)
			}
		})
	}
}
