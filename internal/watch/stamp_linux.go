package watch

import (
	"io/fs"
	"syscall"
)

// stampsTell is set where no write and no rename leaves a file's stamp as it was.
const stampsTell = true

func stampOf(info fs.FileInfo) stamp {
	s := stamp{size: info.Size(), modified: info.ModTime().UnixNano()}
	s.changed = s.modified
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		s.device, s.inode = uint64(sys.Dev), sys.Ino
		s.changed = sys.Ctim.Nano()
	}
	return s
}
