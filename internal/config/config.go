// Package config reads config.toml and the files of the policy into validated,
// immutable values.
//
// [Parse] and [ParsePolicy] report everything that is wrong at once, each problem
// with its position, the full path of its key and, where there is one, a hint.
// The package looks at the text only: whether a certificate exists and fits
// its key, and whether an address can be listened on, is for others to find
// out, who report in the same form with [Located.Problem].
package config

import (
	"time"

	"sallyport/internal/config/document"
)

// The words for places and problems are those of package document.
type (
	Position       = document.Position
	Located[T any] = document.Located[T]
	Problem        = document.Problem
	Problems       = document.Problems
)

// Suggest returns the known word nearest to word, or "".
func Suggest(word string, known []string) string { return document.Suggest(word, known) }

// Config is the whole file. All relative paths in it are resolved against the
// file's directory.
type Config struct {
	Path         string // as the user named it
	Dir          string // the directory that relative paths start from
	Host         Host
	Policy       Policy
	Limits       Limits
	Reload       Reload
	Admin        Admin
	Log          Log
	Applications []Application

	// Written is what the file says, for Diff alone. It must not be changed.
	Written *document.Outline
}

// Host is the outermost level of inheritance.
type Host struct {
	Name        Located[string] // empty unless set
	StateDir    string
	Credentials Credentials // the host's own; ports carry their effective ones
}

// Limits bound the process and its sessions.
type Limits struct {
	MaxConnections   Located[int] // 0: derived from the descriptor limit
	HandshakeLane    int          // 0: one per processor
	HandshakeTimeout time.Duration
	HeaderTimeout    time.Duration
	DialTimeout      time.Duration
	IdleTimeout      time.Duration // 0: none
	HalfCloseTimeout time.Duration
	MaxLifetime      time.Duration // 0: none
	DrainTimeout     time.Duration // 0: sessions are cut at once
	HandoverTimeout  time.Duration // 0: sessions go on until they end by themselves
	DeadPeerTimeout  time.Duration // 0: what the system does by itself
}

// Reload says when everything is read anew.
type Reload struct {
	Watch   bool          // when a file changes, beside when somebody asks for it
	Recheck time.Duration // between looks for changes that the system does not report; 0: none
}

// Admin is the socket for health, metrics, status and reload.
type Admin struct {
	Listen   Located[Address]
	Explicit bool // written in the file, not the default
	Off      bool // no socket at all; Listen is zero
}

// Load reads and parses a file, and finds the files of its policy. The
// configuration is nil only when the file could not be read or is not TOML;
// otherwise it holds what is valid beside the problems, so that a check can go
// on. Without errors it is complete.
func Load(path string) (*Config, Problems) { return new(Loader).Load(path) }
