package main

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"sallyport/certs"
)

// certificateChanges says which certificates came, went and were replaced.
func certificateChanges(old, new *inventory) []string {
	var lines []string
	var came, went []string // files
	for file, now := range new.leaves {
		was := old.leaves[file]
		switch {
		case was == nil:
			came = append(came, file)
		case !was.certificate.Same(now.certificate):
			lines = append(lines, replacedText(was, now))
		}
	}
	for file := range old.leaves {
		if new.leaves[file] == nil {
			went = append(went, file)
		}
	}
	slices.Sort(came)
	slices.Sort(went)
	successors := make(map[string][]string) // by purpose, files that came
	for _, file := range came {
		purpose := new.leaves[file].purpose()
		successors[purpose] = append(successors[purpose], file)
	}
	succeeded := make(map[string]bool)
	for _, file := range went {
		was := old.leaves[file]
		next := successors[was.purpose()]
		if len(next) == 0 {
			lines = append(lines, fmt.Sprintf("certificate removed: %s, in %s", certificateText(was.certificate.Leaf), file))
			continue
		}
		successors[was.purpose()] = next[1:]
		succeeded[next[0]] = true
		lines = append(lines, replacedText(was, new.leaves[next[0]]))
	}
	for _, file := range came {
		if now := new.leaves[file]; !succeeded[file] {
			lines = append(lines, fmt.Sprintf("certificate added: %s, in %s%s", certificateText(now.certificate.Leaf), file, usersText(now.users)))
		}
	}
	slices.Sort(lines)
	return lines
}

// purpose tells which certificate of another file stands for this one: one with the same users and kind of key.
func (l *leafUse) purpose() string {
	return l.certificate.Leaf.PublicKeyAlgorithm.String() + "\x00" + strings.Join(l.users, "\x00")
}

// replacedText is about a certificate in the place of another.
func replacedText(was, now *leafUse) string {
	file := now.certificate.File
	if before := was.certificate.File; before != file {
		file = before + ", now in " + file
	}
	leaf, before := now.certificate.Leaf, was.certificate.Leaf
	switch {
	case !leaf.Equal(before):
		return fmt.Sprintf("certificate replaced in %s: %s -> %s%s", file, certificateText(before), certificateText(leaf), usersText(now.users))
	case was.certificate.Same(now.certificate):
		return fmt.Sprintf("certificate moved: %s, from %s%s", certificateText(leaf), file, usersText(now.users))
	}
	came, went := differing(was.certificate.Chain(), now.certificate.Chain())
	return fmt.Sprintf("chain changed in %s: %s: %s%s", file, certificateText(leaf), cameAndWent(came, went), usersText(now.users))
}

// differing returns the certificates that are only in the one list and only in the other.
func differing(old, new []*x509.Certificate) (came, went []*x509.Certificate) {
	return missing(new, old), missing(old, new)
}

func missing(from, in []*x509.Certificate) []*x509.Certificate {
	known := make(map[string]bool, len(in))
	for _, c := range in {
		known[string(c.Raw)] = true
	}
	return slices.DeleteFunc(slices.Clone(from), func(c *x509.Certificate) bool { return known[string(c.Raw)] })
}

func cameAndWent(came, went []*x509.Certificate) string {
	var parts []string
	for _, c := range came {
		parts = append(parts, certificateText(c)+" added")
	}
	for _, c := range went {
		parts = append(parts, certificateText(c)+" removed")
	}
	if len(parts) == 0 {
		return "another order"
	}
	return strings.Join(parts, "; ")
}

// certificateText names a certificate: subject, serial number, end.
func certificateText(c *x509.Certificate) string {
	return fmt.Sprintf("%s, serial %s, valid until %s", certs.Subject(c), serial(c), minute(c.NotAfter))
}

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// usersText ends a line with those whom it concerns.
func usersText(users []string) string {
	if text := fewUsers(users); text != "" {
		return "; used by " + text
	}
	return ""
}

func fewUsers(users []string) string {
	const most = 3
	if len(users) <= most {
		return strings.Join(users, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(users[:most], ", "), len(users)-most)
}
