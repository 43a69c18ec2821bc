package watch

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestDirectoriesChangePlaces listens to the real system while directories and links change places as fast as they can.
// It is about the process being alive at the end: see feed.again.
func TestDirectoriesChangePlaces(t *testing.T) {
	root := t.TempDir()
	at := func(name string) string { return filepath.Join(root, name) }
	var set Set
	for _, name := range []string{"a", "b", "c", "link"} {
		set.Files = append(set.Files, filepath.Join(at(name), "f"))
	}
	for _, name := range []string{"a", "b", "c"} {
		mkdir(t, at(name))
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			os.Rename(at("a"), at("away"))
			os.Rename(at("b"), at("a"))
			os.Rename(at("away"), at("b"))
			os.Remove(at("c"))
			os.Mkdir(at("c"), 0o700)
			next := at(fmt.Sprintf("next%d", i))
			os.Symlink([]string{"a", "b"}[i%2], next)
			os.Rename(next, at("link"))
		}
	}()
	e := newEars(openFeed)
	defer e.close()
	for range 60 {
		e.listen(locate(set))
	}
	close(stop)
	<-done
	if c := e.listen(locate(set)); c.dirs == 0 || c.err != nil {
		t.Errorf("in the end nothing is heard: %+v", c)
	}
}
