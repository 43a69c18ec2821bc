package admin

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// TokenFile is the token's name in the state directory.
const TokenFile = "admin.token"

// Token returns the token in dir and makes one, readable by its owner alone, if there is none yet.
func Token(dir string) (string, error) {
	token, err := ReadToken(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return token, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("admin token: %w", err)
	}
	if err := writeNew(filepath.Join(dir, TokenFile), rand.Text()+"\n"); err != nil {
		return "", fmt.Errorf("admin token: %w", err)
	}
	return ReadToken(dir)
}

// ReadToken returns the token in dir; the error is [fs.ErrNotExist] if there is none.
func ReadToken(dir string) (string, error) {
	path := filepath.Join(dir, TokenFile)
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("admin token: %w", err)
	}
	token := strings.TrimSpace(string(b))
	if token == "" {
		return "", fmt.Errorf("admin token: %s is empty; delete it and restart", path)
	}
	return token, nil
}

// writeNew writes a file that appears whole or not at all. If another process was
// faster, its file stays.
func writeNew(path, text string) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.WriteString(text)
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
