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
func certificateChanges(older, newer *inventory) []string {
	var lines []string
	var came, went []string // files
	for file, now := range newer.leaves {
		was := older.leaves[file]
		switch {
		case was == nil:
			came = append(came, file)
		case !was.certificate.Same(now.certificate):
			lines = append(lines, replacedText(was, now))
		}
	}
	for file := range older.leaves {
		if newer.leaves[file] == nil {
			went = append(went, file)
		}
	}
	slices.Sort(came)
	slices.Sort(went)
	renamed, came := pairUp(older, newer, went, came)
	for _, file := range went {
		was := older.leaves[file]
		if next, ok := renamed[file]; ok {
			lines = append(lines, replacedText(was, newer.leaves[next]))
		} else {
			lines = append(lines, fmt.Sprintf("certificate removed: %s, in %s", certificateText(was.certificate.Leaf), file))
		}
	}
	for _, file := range came {
		now := newer.leaves[file]
		lines = append(lines, fmt.Sprintf("certificate added: %s, in %s%s", certificateText(now.certificate.Leaf), file, usersText(now.users)))
	}
	slices.Sort(lines)
	return lines
}

// pairUp finds for each file that went the one that came in its place, and returns the others that came, too: whoever gives
// the next certificate a file of another name has replaced it.
func pairUp(older, newer *inventory, went, came []string) (renamed map[string]string, others []string) {
	successors := make(map[string][]string) // by purpose, files that came
	for _, file := range came {
		purpose := newer.leaves[file].purpose()
		successors[purpose] = append(successors[purpose], file)
	}
	renamed = make(map[string]string)
	taken := make(map[string]bool)
	for _, file := range went {
		purpose := older.leaves[file].purpose()
		if next := successors[purpose]; len(next) > 0 {
			renamed[file], taken[next[0]] = next[0], true
			successors[purpose] = next[1:]
		}
	}
	return renamed, slices.DeleteFunc(came, func(file string) bool { return taken[file] })
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

// differing returns the certificates that only the newer list has, and those that only the older one has.
func differing(older, newer []*x509.Certificate) (came, went []*x509.Certificate) {
	return except(newer, older), except(older, newer)
}

// except returns the certificates that are not among others.
func except(list, others []*x509.Certificate) []*x509.Certificate {
	known := make(map[string]bool, len(others))
	for _, c := range others {
		known[string(c.Raw)] = true
	}
	return slices.DeleteFunc(slices.Clone(list), func(c *x509.Certificate) bool { return known[string(c.Raw)] })
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
