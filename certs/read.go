package certs

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

const (
	maxFile = 16 << 20  // of certificates, keys and passwords: generous, and bounds a slip like /dev/zero
	maxCRL  = 256 << 20 // lists of large public authorities reach tens of megabytes
)

// readFile returns a regular, non-empty file's content and mode.
func readFile(path string, limit int64) ([]byte, fs.FileMode, *finding) {
	if path == "" {
		return nil, 0, &finding{err: errNotNamed}
	}
	// Looked at before it is opened: opening a device may do something.
	info, err := os.Stat(path)
	if err != nil {
		return nil, 0, unreadable(path, err)
	}
	if problem := unfit(info, limit); problem != nil {
		return nil, 0, problem
	}
	f, info, problem := open(path, limit)
	if problem != nil {
		return nil, 0, problem
	}
	defer f.Close()
	content := bytes.NewBuffer(make([]byte, 0, info.Size()+bytes.MinRead)) // so that it need not grow
	_, err = content.ReadFrom(io.LimitReader(f, limit+1))
	data := content.Bytes()
	switch {
	case err != nil:
		return nil, 0, unreadable(path, err)
	case len(data) == 0:
		return nil, 0, found("", "is empty")
	case int64(len(data)) > limit:
		return nil, 0, tooLarge(limit)
	}
	return data, info.Mode(), nil
}

// open opens a regular file. What has taken its place since it was looked at is refused, and not waited for.
func open(path string, limit int64) (*os.File, fs.FileInfo, *finding) {
	f, err := os.OpenFile(path, os.O_RDONLY|withoutBlocking, 0)
	if err != nil {
		return nil, nil, unreadable(path, err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, nil, unreadable(path, err)
	}
	if problem := unfit(info, limit); problem != nil {
		f.Close()
		return nil, nil, problem
	}
	return f, info, nil
}

// unfit reports what is not to be read.
func unfit(info fs.FileInfo, limit int64) *finding {
	switch {
	case info.IsDir():
		return found("name the file inside it", "is a directory, not a file")
	case !info.Mode().IsRegular():
		return found("", "is not a regular file")
	case info.Size() > limit:
		return tooLarge(limit)
	}
	return nil
}

// missingError reads better than the system's text and is fs.ErrNotExist all the same.
type missingError struct{}

func (missingError) Error() string { return "does not exist" }
func (missingError) Unwrap() error { return fs.ErrNotExist }

func tooLarge(limit int64) *finding {
	return found("is it the right file?", "is larger than %d MiB", limit>>20)
}

func unreadable(path string, err error) *finding {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err // the path is shown beside it anyway
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		hint := ""
		if dir := filepath.Dir(path); !exists(dir) {
			hint = "the directory " + dir + " does not exist either"
		}
		return &finding{err: missingError{}, hint: hint}
	case errors.Is(err, fs.ErrPermission):
		return found("let the user that sallyport runs as read it", "cannot be read: %w", err)
	}
	return found("", "cannot be read: %w", err)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// exposed reports a file that holds a secret and is open to every user of the machine.
func exposed(path string, mode fs.FileMode) *finding {
	// Windows has access lists instead, which the mode bits do not tell.
	if runtime.GOOS == "windows" || mode.Perm()&0o006 == 0 {
		return nil
	}
	return found("chmod 600 "+path+" (in a Kubernetes secret volume: defaultMode: 0400)",
		"holds a secret that every user of this machine can read (mode %04o)", mode.Perm())
}
