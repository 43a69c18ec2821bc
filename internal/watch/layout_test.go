package watch

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// TestLayouts replaces files in every ordinary way, twice, and expects the reader to notice by events alone.
func TestLayouts(t *testing.T) {
	plain := func(t *testing.T, dir string) { write(t, filepath.Join(dir, "tls.crt"), "old") }
	tests := []struct {
		name   string
		file   string // default: tls.crt
		glob   string
		before func(t *testing.T, dir string)
		change func(t *testing.T, dir, text string)
	}{
		{"edited in place", "", "", plain, func(t *testing.T, dir, text string) { write(t, filepath.Join(dir, "tls.crt"), text) }},
		{"written and renamed", "", "", plain, func(t *testing.T, dir, text string) { replace(t, filepath.Join(dir, "tls.crt"), text) }},
		{"deleted and made again", "", "", plain, func(t *testing.T, dir, text string) {
			remove(t, filepath.Join(dir, "tls.crt"))
			write(t, filepath.Join(dir, "tls.crt"), text)
		}},
		{"vim", "", "*.crt", plain, func(t *testing.T, dir, text string) {
			file := filepath.Join(dir, "tls.crt")
			write(t, filepath.Join(dir, ".tls.crt.swp"), "swap")
			write(t, filepath.Join(dir, "4913"), "")
			remove(t, filepath.Join(dir, "4913"))
			rename(t, file, file+"~")
			write(t, file, text)
			remove(t, file+"~")
			remove(t, filepath.Join(dir, ".tls.crt.swp"))
		}},
		{"emacs", "", "*.crt", plain, func(t *testing.T, dir, text string) {
			file := filepath.Join(dir, "tls.crt")
			link(t, "someone@host.1", filepath.Join(dir, ".#tls.crt"))
			remove(t, file+"~")
			if err := os.Link(file, file+"~"); err != nil {
				t.Fatal(err)
			}
			replace(t, file, text)
			remove(t, filepath.Join(dir, ".#tls.crt"))
		}},
		{"Kubernetes volume", "", "*.crt", func(t *testing.T, dir string) {
			mkdir(t, filepath.Join(dir, "..1"))
			write(t, filepath.Join(dir, "..1", "tls.crt"), "old")
			link(t, "..1", filepath.Join(dir, "..data"))
			link(t, filepath.Join("..data", "tls.crt"), filepath.Join(dir, "tls.crt"))
		}, func(t *testing.T, dir, text string) {
			old, _ := os.Readlink(filepath.Join(dir, "..data"))
			mkdir(t, filepath.Join(dir, ".."+text))
			write(t, filepath.Join(dir, ".."+text, "tls.crt"), text)
			flip(t, ".."+text, filepath.Join(dir, "..data"))
			remove(t, filepath.Join(dir, old))
		}},
		{"directory flipped", "live/deep/tls.crt", "live/deep/*.crt", func(t *testing.T, dir string) {
			mkdir(t, filepath.Join(dir, "release-0", "deep"))
			write(t, filepath.Join(dir, "release-0", "deep", "tls.crt"), "old")
			link(t, filepath.Join(dir, "release-0"), filepath.Join(dir, "live"))
		}, func(t *testing.T, dir, text string) {
			mkdir(t, filepath.Join(dir, text, "deep"))
			write(t, filepath.Join(dir, text, "deep", "tls.crt"), text)
			flip(t, filepath.Join(dir, text), filepath.Join(dir, "live"))
		}},
		{"link to a link, the far file edited", "a/tls.crt", "", func(t *testing.T, dir string) {
			mkdir(t, filepath.Join(dir, "a"))
			mkdir(t, filepath.Join(dir, "b"))
			mkdir(t, filepath.Join(dir, "c"))
			write(t, filepath.Join(dir, "c", "real"), "old")
			link(t, "../b/hop", filepath.Join(dir, "a", "tls.crt"))
			link(t, filepath.Join(dir, "c", "real"), filepath.Join(dir, "b", "hop"))
		}, func(t *testing.T, dir, text string) { write(t, filepath.Join(dir, "c", "real"), text) }},
		{"link to a link, the middle flipped", "a/tls.crt", "", func(t *testing.T, dir string) {
			mkdir(t, filepath.Join(dir, "a"))
			mkdir(t, filepath.Join(dir, "b"))
			write(t, filepath.Join(dir, "old"), "old")
			link(t, "../b/hop", filepath.Join(dir, "a", "tls.crt"))
			link(t, "../old", filepath.Join(dir, "b", "hop"))
		}, func(t *testing.T, dir, text string) {
			write(t, filepath.Join(dir, text), text)
			flip(t, "../"+text, filepath.Join(dir, "b", "hop"))
		}},
		{"directories that appear later", "x/y/z/tls.crt", "", func(*testing.T, string) {}, func(t *testing.T, dir, text string) {
			mkdir(t, filepath.Join(dir, "x", "y", "z"))
			write(t, filepath.Join(dir, "x", "y", "z", "tls.crt"), text)
		}},
		{"link that points nowhere yet", "tls.crt", "", func(t *testing.T, dir string) {
			link(t, "later/tls.crt", filepath.Join(dir, "tls.crt"))
		}, func(t *testing.T, dir, text string) {
			mkdir(t, filepath.Join(dir, "later"))
			write(t, filepath.Join(dir, "later", "tls.crt"), text)
		}},
		{"directory removed and made again", "d/tls.crt", "d/*.crt", func(t *testing.T, dir string) {
			mkdir(t, filepath.Join(dir, "d"))
			plain(t, filepath.Join(dir, "d"))
		}, func(t *testing.T, dir, text string) {
			remove(t, filepath.Join(dir, "d"))
			mkdir(t, filepath.Join(dir, "d"))
			write(t, filepath.Join(dir, "d", "tls.crt"), text)
		}},
		{"directory exchanged by renames", "d/tls.crt", "", func(t *testing.T, dir string) {
			mkdir(t, filepath.Join(dir, "d"))
			plain(t, filepath.Join(dir, "d"))
		}, func(t *testing.T, dir, text string) {
			mkdir(t, filepath.Join(dir, "next"))
			write(t, filepath.Join(dir, "next", "tls.crt"), text)
			rename(t, filepath.Join(dir, "d"), filepath.Join(dir, "before-"+text))
			rename(t, filepath.Join(dir, "next"), filepath.Join(dir, "d"))
		}},
		{"directory far above exchanged", "d/e/f/tls.crt", "d/e/*/*.crt", func(t *testing.T, dir string) {
			mkdir(t, filepath.Join(dir, "d", "e", "f"))
			plain(t, filepath.Join(dir, "d", "e", "f"))
		}, func(t *testing.T, dir, text string) {
			mkdir(t, filepath.Join(dir, "next", "e", "f"))
			write(t, filepath.Join(dir, "next", "e", "f", "tls.crt"), text)
			rename(t, filepath.Join(dir, "d"), filepath.Join(dir, "before-"+text))
			rename(t, filepath.Join(dir, "next"), filepath.Join(dir, "d"))
		}},
		{"another match", "", "conf.d/*.toml", func(t *testing.T, dir string) { mkdir(t, filepath.Join(dir, "conf.d")) },
			func(t *testing.T, dir, text string) { write(t, filepath.Join(dir, "conf.d", text+".toml"), "") }},
		{"a match in another directory", "", "sites/*/policy.d/*.toml", func(t *testing.T, dir string) { mkdir(t, filepath.Join(dir, "sites")) },
			func(t *testing.T, dir, text string) {
				mkdir(t, filepath.Join(dir, "sites", text, "policy.d"))
				write(t, filepath.Join(dir, "sites", text, "policy.d", "p.toml"), "")
			}},
		{"match edited that is not named as a file", "other", "*.toml", func(t *testing.T, dir string) { write(t, filepath.Join(dir, "p.toml"), "old") },
			func(t *testing.T, dir, text string) { write(t, filepath.Join(dir, "p.toml"), text) }},
		{"hundreds of changes", "many/7", "many/*", func(t *testing.T, dir string) { mkdir(t, filepath.Join(dir, "many")) },
			func(t *testing.T, dir, text string) {
				for i := range 300 {
					write(t, filepath.Join(dir, "many", strconv.Itoa(i)), text)
				}
			}},
		{"a file gives way to a directory and comes back", "", "", plain, func(t *testing.T, dir, text string) {
			file := filepath.Join(dir, "tls.crt")
			remove(t, file)
			mkdir(t, file)
			remove(t, file)
			write(t, file, text)
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			test.before(t, dir)
			file := filepath.FromSlash(test.file)
			if file == "" {
				file = "tls.crt"
			}
			set := Set{Files: []string{filepath.Join(dir, file)}}
			if test.glob != "" {
				set.Globs = []string{filepath.Join(dir, filepath.FromSlash(test.glob))}
			}
			r := follow(t, byEvents(), set)
			for _, text := range []string{"one", "two"} {
				_, before := r.known()
				test.change(t, dir, text)
				r.catchUp("the reader has read " + text)
				r.settle()
				if _, signals := r.known(); signals == before {
					t.Errorf("no signal for %s", text)
				}
			}
		})
	}
}

// TestStorm: hundreds of changes within the quiet time are one signal.
func TestStorm(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tls.crt")
	write(t, file, "old")
	opt := byEvents()
	opt.Quiet, opt.Longest = opt.Longest, 0
	r := follow(t, opt, Set{Files: []string{file}})
	for i := range 500 {
		replace(t, file, strconv.Itoa(i))
	}
	r.catchUp("the last change is read")
	r.settle()
	if _, signals := r.known(); signals > 5 { // one, unless the machine stalls
		t.Errorf("%d signals for a storm", signals)
	}
}

// TestPairSecondsApart: a certificate and its key are each told of.
func TestPairSecondsApart(t *testing.T) {
	dir := t.TempDir()
	set := Set{Files: []string{filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")}}
	for _, file := range set.Files {
		write(t, file, "old")
	}
	r := follow(t, byEvents(), set)
	for i, file := range set.Files {
		write(t, file, "new")
		r.catchUp(file + " is read")
		if _, signals := r.known(); signals < i+1 {
			t.Errorf("%d signals, want at least %d", signals, i+1)
		}
	}
}
