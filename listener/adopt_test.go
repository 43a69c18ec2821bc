//go:build unix

package listener

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"testing"
)

// handOver returns the sockets of a set as another process receives them.
func handOver(t *testing.T, set *Set) []Handed {
	t.Helper()
	var list []Handed
	for _, l := range set.Listeners() {
		file, err := l.File()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { file.Close() })
		list = append(list, Handed{Key: l.Key(), Foreign: l.Foreign(), File: file})
	}
	return list
}

func TestAdopt(t *testing.T) {
	before, after := &Set{}, &Set{}
	defer after.Close()
	path, unixSpec := socketPath(t)
	a, u := open(t, before, local("a")), open(t, &Set{}, unixSpec)
	file, err := u.File()
	if err != nil {
		t.Fatal(err)
	}
	after.Adopt(append(handOver(t, before), Handed{Key: u.Key(), File: file}))

	// A client that connects while neither accepts waits, and is served by the next process.
	before.Pause()
	client, err := net.Dial("tcp", a.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	stage, err := after.Stage(context.Background(), []Spec{local("a"), unixSpec})
	if err != nil {
		t.Fatal(err)
	}
	stage.Commit()
	before.Close()
	u.Close()
	next := stage.Listener(local("a"))
	if next.Addr().String() != a.Addr().String() {
		t.Errorf("port %s became %s", a.Addr(), next.Addr())
	}
	conn, err := next.Accept()
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if !answers(t, stage.Listener(unixSpec)) {
		t.Error("the UNIX socket does not answer")
	}
	after.Own()
	after.Close()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket's file is left by its last owner: %v", err)
	}
}

// TestAdoptedFileStaysUntilOwned: who gives up in the middle takes nothing away from the other process.
func TestAdoptedFileStaysUntilOwned(t *testing.T) {
	_, spec := socketPath(t)
	before, after := &Set{}, &Set{}
	l := open(t, before, spec)
	after.Adopt(handOver(t, before))
	if _, err := after.Stage(context.Background(), []Spec{spec}); err != nil {
		t.Fatal(err)
	}
	after.Close()
	before.Own()
	if !answers(t, l) {
		t.Error("the other process cannot be reached any more")
	}
	before.Close()
	if _, err := os.Lstat(spec.Address); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file is left: %v", err)
	}
}

func TestAdoptWithoutFile(t *testing.T) {
	path, spec := socketPath(t)
	before, after := &Set{}, &Set{}
	defer before.Close()
	defer after.Close()
	l := open(t, before, spec)
	after.Adopt(handOver(t, before))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if l.Reachable() {
		t.Error("a socket without a file counts as reachable")
	}
	if next := open(t, after, spec); !answers(t, next) {
		t.Error("no new socket was opened")
	}
}

func TestAdoptNoSocket(t *testing.T) {
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	set := &Set{}
	set.Adopt([]Handed{{Key: local("a").Key(), File: file}})
	if _, err := set.Stage(context.Background(), []Spec{local("a")}); err == nil {
		t.Error("a descriptor that is no socket was taken")
	}
	set.Close()
	if _, err := file.Stat(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("the descriptor is left open: %v", err)
	}
}

// TestAdoptClosesTheUnused: a port that the new process does not want must not go on accepting into nothing.
func TestAdoptClosesTheUnused(t *testing.T) {
	before, after := &Set{}, &Set{}
	defer after.Close()
	a := open(t, before, local("a"))
	handed := handOver(t, before)
	after.Adopt(handed)
	open(t, after, local("b"))
	before.Close()
	if client, err := net.Dial("tcp", a.Addr().String()); err == nil {
		client.Close()
		t.Error("the unused socket still takes connections")
	}
}

// TestAdoptOverlap: the socket in the way is that of the process that hands over, and no stranger's.
func TestAdoptOverlap(t *testing.T) {
	before, after := &Set{}, &Set{}
	defer before.Close()
	defer after.Close()
	at := open(t, before, local("a")).Addr().(*net.TCPAddr)
	handed := handOver(t, before)
	handed[0].Key = Spec{Network: "tcp", Address: at.String()}.Key()
	after.Adopt(handed)
	_, err := after.Stage(context.Background(), []Spec{{Network: "tcp4", Address: fmt.Sprintf("0.0.0.0:%d", at.Port)}})
	if want := "the process that hands over has " + at.String(); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

// TestAdoptRemovesFileOfTheUnused: it goes once it is certain that the other process does not go on, unless it is
// somebody else's by then.
func TestAdoptRemovesFileOfTheUnused(t *testing.T) {
	for _, tt := range []struct {
		name    string
		found   bool
		replace bool
		stays   bool
	}{
		{name: "handed over", found: true},
		{name: "from a store, where the file may be anybody's", stays: true},
		{name: "replaced", found: true, replace: true, stays: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path, spec := socketPath(t)
			before, after := &Set{}, &Set{}
			defer after.Close()
			open(t, before, spec)
			handed := handOver(t, before)
			handed[0].Found = tt.found
			after.Adopt(handed)
			open(t, after, local("b"))
			if !exists(path) {
				t.Error("the file is gone, although the other process may go on")
			}
			before.Close()
			if tt.replace {
				other := path + ".other"
				open(t, &Set{}, Spec{Network: "unix", Address: other})
				if err := os.Rename(other, path); err != nil {
					t.Fatal(err)
				}
			}
			after.Own()
			if exists(path) != tt.stays {
				t.Errorf("the file is there: %t", !tt.stays)
			}
		})
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func TestKeptFileSurvives(t *testing.T) {
	path, spec := socketPath(t)
	set := &Set{}
	open(t, set, spec).Keep(true)
	set.Own()
	set.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the file of a socket that somebody keeps: %v", err)
	}
}

func TestAdoptAnotherSocket(t *testing.T) {
	_, unixSpec := socketPath(t)
	for _, c := range []struct {
		name         string
		opened, want Spec
	}{
		{"UNIX for TCP", unixSpec, local("a")},
		{"TCP for UNIX", local("a"), unixSpec},
		{"another port", local("a"), Spec{Network: "tcp", Address: "127.0.0.1:1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, after := &Set{}, &Set{}
			defer before.Close()
			defer after.Close()
			open(t, before, c.opened)
			if c.want.Network == networkUnix {
				open(t, &Set{}, c.want).Keep(true) // a file is there
			}
			handed := handOver(t, before)
			handed[0].Key = c.want.Key()
			after.Adopt(handed)
			if _, err := after.Stage(context.Background(), []Spec{c.want}); !errors.Is(err, errNotSuch) {
				t.Errorf("got %v", err)
			}
		})
	}
}
