package export

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// names gives names that a device takes: of letters, digits and a few other characters, not too long, and each for one thing.
type names struct {
	limit  int
	prefix string // of all names
	others string // allowed inside, besides letters and digits
	fill   string // stands for what is not allowed, and before digits
	lower  bool   // no upper case
	camel  bool   // words begin with upper case instead of being parted

	taken map[string]string // what a name stands for, by the name in lower case, because some devices do not tell cases apart
}

// name returns the name of what a text stands for, the same for the same text. It is the text itself as far as that can be.
func (n *names) name(text string) string {
	spelled := n.spell(text)
	name := spelled
	for digits := 8; !n.free(name, text); digits += 8 {
		end := n.fill + fingerprint(text)[:digits]
		name = strings.TrimLeft(spelled[:min(len(spelled), n.limit-len(end))]+end, n.others+n.fill)
	}
	if n.taken == nil {
		n.taken = make(map[string]string)
	}
	n.taken[strings.ToLower(name)] = text
	return name
}

// free reports whether a name is a good one and can stand for a text.
func (n *names) free(name, text string) bool {
	owner, taken := n.taken[strings.ToLower(name)]
	return name != "" && len(name) <= n.limit && alphanumeric(rune(name[len(name)-1])) && (!taken || owner == text)
}

// spell returns a text in the characters of names. It does not say how names end.
func (n *names) spell(text string) string {
	if n.lower {
		text = strings.ToLower(text)
	}
	var b strings.Builder
	if n.camel {
		text = camel(text)
	}
	for _, r := range text {
		if alphanumeric(r) || strings.ContainsRune(n.others, r) {
			b.WriteRune(r)
		} else {
			b.WriteString(n.fill)
		}
	}
	return n.prefix + strings.TrimLeft(b.String(), n.others+n.fill)
}

// camel returns a text in words that begin with upper case.
func camel(text string) string {
	var b strings.Builder
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return !alphanumeric(r) }) {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

func alphanumeric(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// fingerprint returns hexadecimal digits that stand for a text.
func fingerprint(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
