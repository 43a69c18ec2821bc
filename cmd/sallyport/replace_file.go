package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// temporary is how the names of files end that are being written.
const temporary = ".tmp"

// replaceFile writes a file, for its owner alone, that has either the old content or the new one whenever the program
// is killed or the host loses power. A directory that is missing is made.
func replaceFile(path string, content func(io.Writer) error) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(dir, filepath.Base(path)+".*"+temporary) // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(temp.Name())
		}
	}()
	if err = content(temp); err == nil {
		err = temp.Sync()
	}
	if err = errors.Join(err, temp.Close()); err != nil {
		return err
	}
	if err := os.Rename(temp.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes sure that a file stays renamed when the host loses power.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // it has no such thing
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	err = d.Sync()
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) {
		return nil // nor have some file systems
	}
	return err
}

// removeTemporary removes what replaceFile left beside a file when the program was killed.
func removeTemporary(path string) {
	dir, base := filepath.Split(path)
	entries, err := os.ReadDir(filepath.Clean(dir))
	if err != nil {
		return // where nothing can be read, nothing is written either, and that is reported
	}
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasPrefix(name, base+".") && strings.HasSuffix(name, temporary) && entry.Type().IsRegular() {
			os.Remove(filepath.Join(dir, name))
		}
	}
}
