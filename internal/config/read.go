package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"sallyport/internal/config/document"
)

// read returns the content of a file, or what is wrong with the file itself.
// The reference is the file of its kind that comes with sallyport.
func read(path, reference string) ([]byte, *Problem) {
	// Looked at before it is opened: opening a device may do something.
	info, err := os.Stat(path)
	if err != nil {
		return nil, unreadable(path, reference, err)
	}
	if problem := unfit(path, reference, info); problem != nil {
		return nil, problem
	}
	file, problem := open(path, reference)
	if problem != nil {
		return nil, problem
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, document.MaxSize+1)) // one byte more shows that there is more
	if err != nil {
		return nil, unreadable(path, reference, err)
	}
	return data, nil
}

// open opens a regular file. What has taken its place since it was looked at is refused, and not waited for.
func open(path, reference string) (*os.File, *Problem) {
	file, err := os.OpenFile(path, os.O_RDONLY|withoutBlocking, 0)
	if err != nil {
		return nil, unreadable(path, reference, err)
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, unreadable(path, reference, err)
	}
	if problem := unfit(path, reference, info); problem != nil {
		file.Close()
		return nil, problem
	}
	return file, nil
}

// unfit reports what is not to be read: it has no end, or somebody would have to write it first.
func unfit(path, reference string, info fs.FileInfo) *Problem {
	p := &Problem{Pos: Position{File: path}}
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		p.Message, p.Hint = "is a directory, not a file", "name the file in it: "+filepath.Join(path, reference)
	case mode&fs.ModeNamedPipe != 0:
		p.Message = "is a named pipe, not a file"
	case mode&fs.ModeSocket != 0:
		p.Message = "is a socket, not a file"
	default:
		p.Message = "is a device, not a file"
	}
	return p
}

const referenceHint = "the %s that comes with sallyport documents every key and runs as it is"

func unreadable(path, reference string, err error) *Problem {
	p := &Problem{Pos: Position{File: path}}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p.Message = "no such file"
		p.Hint = fmt.Sprintf(referenceHint, reference)
	case errors.Is(err, fs.ErrPermission):
		p.Message = "permission denied"
		p.Hint = "it must be readable by the user that sallyport runs as"
	default:
		if cause, ok := errors.AsType[*fs.PathError](err); ok {
			err = cause.Err
		}
		p.Message = fmt.Sprintf("cannot be read: %v", err)
	}
	return p
}
