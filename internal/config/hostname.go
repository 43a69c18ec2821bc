package config

import (
	"fmt"
	"strings"
)

const (
	longestName  = 253 // RFC 1035 section 2.3.4, without the root's dot
	longestLabel = 63
)

// nameFlaw finds what is wrong with a host name. Underscores are let through:
// they are not in the letter of RFC 1123, but in many internal zones.
func nameFlaw(name string) *flaw {
	if strings.ContainsFunc(name, func(r rune) bool { return r > 0x7e }) {
		return &flaw{fmt.Sprintf("%q is not ASCII", name), "write an international name in its xn-- form"}
	}
	if trimmed := strings.TrimSuffix(name, "."); trimmed != name {
		return &flaw{fmt.Sprintf("%q ends in a dot", name), fmt.Sprintf("write %q", trimmed)}
	}
	if len(name) > longestName {
		return &flaw{fmt.Sprintf("a name of %d bytes is too long, at most %d are possible", len(name), longestName), ""}
	}
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if !validLabel(label) {
			return &flaw{fmt.Sprintf("%q is not a host name", name), "names are letters, digits and dashes in parts joined by dots"}
		}
	}
	if last := labels[len(labels)-1]; strings.Trim(last, "0123456789") == "" {
		return &flaw{fmt.Sprintf("%q is neither an IP address nor a host name", name), ""}
	}
	return nil
}

func validLabel(label string) bool {
	if label == "" || len(label) > longestLabel || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	for i := range len(label) {
		c := label[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
