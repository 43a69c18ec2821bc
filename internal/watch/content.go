package watch

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// kind is what stands at a path.
type kind uint8

const (
	unsure kind = iota // not known; differs from everything that is found
	missing
	unreadable
	odd     // a directory, FIFO or device: never opened, since that may block or do something
	huge    // only size and time count
	regular // the content counts
)

// content is what counts of a file. Two that are equal need no reload.
type content struct {
	kind  kind
	empty bool
	sum   [sha256.Size]byte
}

// broken reports whether a file looks as it does halfway through being replaced.
func (c content) broken() bool { return c.kind == missing || c.kind == unreadable || c.empty }

// stamp is what stat says. As long as it stays, the content does, too.
type stamp struct {
	device, inode uint64
	size          int64
	modified      int64 // in nanoseconds, as is changed
	changed       int64
}

// entry is what was found at a path, and how far it can be trusted.
type entry struct {
	content
	stamp
	torn bool // it changed while it was read
	racy bool // it changed so shortly before that a further change may have left the stamp as it is
}

// tick is more than the resolution of any file system's times.
const tick = 3 * time.Second

// eye looks at files. It is not safe for concurrent use.
type eye struct {
	limit int64
	buf   []byte
}

func newEye(limit int64) *eye { return &eye{limit: limit, buf: make([]byte, 32<<10)} }

// look returns what stands at path. It reads the file only if stat tells of a change since last, or if full is set.
func (e *eye) look(path string, last entry, full bool) entry {
	info, err := os.Stat(path)
	if err != nil {
		return absent(path, err)
	}
	now := stampOf(info)
	if last.kind == regular && last.stamp == now && !last.torn && !last.racy && !full {
		return last
	}
	if info.Mode().IsRegular() && info.Size() <= e.limit {
		return e.read(path)
	}
	return e.glimpse(info)
}

// glimpse returns what can be said of a file that is not read.
func (e *eye) glimpse(info fs.FileInfo) entry {
	found := entry{stamp: stampOf(info), content: content{kind: odd}}
	binary.BigEndian.PutUint32(found.sum[:], uint32(info.Mode().Type()))
	if info.Mode().IsRegular() {
		found.kind = huge
		binary.BigEndian.PutUint64(found.sum[8:], uint64(info.Size()))
		binary.BigEndian.PutUint64(found.sum[16:], uint64(info.ModTime().UnixNano()))
	}
	return found
}

// absent describes a file that cannot be read. Its stamp is that of the directory, which tells if the file was there in
// between.
func absent(path string, err error) entry {
	found := entry{content: content{kind: unreadable}}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		found.kind = missing
	}
	if dir, err := os.Stat(filepath.Dir(path)); err == nil {
		found.stamp = stampOf(dir)
	}
	return found
}

func (e *eye) read(path string) entry {
	f, err := os.OpenFile(path, os.O_RDONLY|withoutBlocking, 0)
	if err != nil {
		return absent(path, err)
	}
	defer f.Close()
	before, err := f.Stat()
	if err != nil {
		return absent(path, err)
	}
	if !before.Mode().IsRegular() { // since the look at the path
		return e.glimpse(before)
	}
	opened := time.Now()
	sum := sha256.New()
	for size := int64(0); ; {
		n, err := f.Read(e.buf)
		sum.Write(e.buf[:n])
		size += int64(n)
		if err == io.EOF {
			break
		}
		if err != nil {
			return absent(path, err)
		}
		if size > e.limit { // it grows as we read
			return e.glimpse(before)
		}
	}
	after, err := f.Stat()
	if err != nil {
		return absent(path, err)
	}
	found := entry{stamp: stampOf(after), content: content{kind: regular, empty: after.Size() == 0}}
	sum.Sum(found.sum[:0])
	found.torn = found.stamp != stampOf(before)
	found.racy = found.changed > opened.Add(-tick).UnixNano()
	return found
}
