//go:build !linux

package watch

import "io/fs"

// stampsTell is false here: a file that is renamed over another may have its size and time.
const stampsTell = false

func stampOf(info fs.FileInfo) stamp {
	modified := info.ModTime().UnixNano()
	return stamp{size: info.Size(), modified: modified, changed: modified}
}
