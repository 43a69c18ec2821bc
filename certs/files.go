package certs

import (
	"errors"
	"fmt"
	"time"
)

// Files names one level's credentials by path. They are inherited as a whole, so they are loaded as
// a whole.
type Files struct {
	Purpose Purpose

	// Certificates are PEM (chain in order, leaf first) or PKCS#12 files (.p12, .pfx). There are
	// several where RSA stands beside ECDSA. Only a client may do without.
	Certificates []string

	// Keys belong to the certificate of the same index. Where one is missing or empty, the key is
	// in the certificate's file.
	Keys []string

	PasswordFile string   // of encrypted keys and PKCS#12; empty: none
	TrustedCA    string   // empty: no trust
	CRLs         []string // PEM or DER
}

// Purpose is what a level's certificates are for.
type Purpose uint8

const (
	ForServer Purpose = iota
	ForClient
)

// Part is the kind of file that a FileError is about.
type Part uint8

const (
	PartCertificate Part = iota
	PartKey
	PartPassword
	PartTrustedCA
	PartCRL
)

// String returns the configuration key that names this kind of file.
func (p Part) String() string {
	switch p {
	case PartCertificate:
		return "certificate"
	case PartKey:
		return "certificate_key"
	case PartPassword:
		return "certificate_password_file"
	case PartTrustedCA:
		return "trusted_ca"
	case PartCRL:
		return "crl"
	default:
		return fmt.Sprintf("Part(%d)", uint8(p))
	}
}

// FileError says which of a level's files is wrong, and how.
type FileError struct {
	Part    Part
	Index   int    // into Certificates, Keys or CRLs
	File    string // empty where a file is missing from Files
	Err     error
	Hint    string // what to do about it; may be empty
	Warning bool   // the credentials are usable all the same
	Passing bool   // a warning that the passing of time brings: see [Stage] and [Reading.Enforce]
}

func (e *FileError) Error() string {
	if e.File == "" {
		return e.Err.Error()
	}
	return e.File + ": " + e.Err.Error()
}

func (e *FileError) Unwrap() error { return e.Err }

// finding is a FileError whose file is not yet known: what reads and checks contents need not know
// where they came from.
type finding struct {
	err     error
	hint    string
	warning bool
	passing bool // time alone can bring it
}

func found(hint, format string, args ...any) *finding {
	return &finding{err: fmt.Errorf(format, args...), hint: hint}
}

func warning(hint, format string, args ...any) *finding {
	return &finding{err: fmt.Errorf(format, args...), hint: hint, warning: true}
}

// report collects the findings of one Load.
type report struct {
	now  time.Time
	list []*FileError
}

func newReport(now time.Time) *report { return &report{now: now} }

// repeat adds what was found about a certificate before, which may have another index here.
func (r *report) repeat(findings []*FileError, index int) {
	for _, f := range findings {
		again := *f
		again.Index = index
		r.list = append(r.list, &again)
	}
}

func (r *report) add(part Part, index int, file string, findings ...*finding) {
	for _, f := range findings {
		if f == nil {
			continue
		}
		r.list = append(r.list, &FileError{
			Part: part, Index: index, File: file, Err: f.err, Hint: f.hint, Warning: f.warning, Passing: f.passing && f.warning,
		})
	}
}

// addUnlessKnown adds a finding but one that only follows from an unreadable password file.
func (r *report) addUnlessKnown(part Part, index int, file string, f *finding) {
	if f.err != errPasswordUnknown {
		r.add(part, index, file, f)
	}
}

// failed reports whether anything worse than a warning was found.
func (r *report) failed() bool {
	for _, e := range r.list {
		if !e.Warning {
			return true
		}
	}
	return false
}

var errNotNamed = errors.New("no file is named")
