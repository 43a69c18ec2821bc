package config

import (
	"fmt"
	"strings"

	"sallyport/internal/config/document"
)

// Change is one difference between two configurations, in words.
type Change struct {
	Port string // as of [Port.Name]; empty if it is about no single port
	Text string // with what it is about
}

// Diff returns what another version of a file says otherwise, in the order of the new one. It compares every key
// that the schema has, by what it stands for where it is left out, and never shows a secret. What files say that
// are named is not compared.
func Diff(old, new *Config) []Change {
	if old.Written == new.Written || old.Written == nil || new.Written == nil {
		return nil
	}
	d := differ{}
	d.table(place{}, old.Written, new.Written)
	return d.changes
}

// place is what a table is about, for people.
type place struct {
	application, port string
	within            string // tables and elements below that, with what follows them
}

// subject begins a line.
func (p place) subject() string {
	switch {
	case p.port != "":
		return "port " + portName(p.application, p.port)
	case p.application != "":
		return "application " + p.application
	}
	return ""
}

// of names a key, or with an empty one the table itself.
func (p place) of(key string) string {
	subject, rest := p.subject(), p.within+key
	switch {
	case subject == "":
		return strings.TrimRight(rest, ".: ")
	case rest == "":
		return subject
	}
	return subject + ": " + strings.TrimRight(rest, ".: ")
}

// enter is the place of a table inside p.
func (p place) enter(t *document.Outline) place {
	switch {
	case t.Key == applicationTable && p == place{}:
		return place{application: t.Name}
	case t.Key == portTable && p == place{application: p.application}:
		return place{application: p.application, port: t.Name}
	case t.Name != "":
		p.within += t.Key + " " + t.Name + ": "
	default:
		p.within += t.Key + "."
	}
	return p
}

type differ struct{ changes []Change }

func (d *differ) add(at place, key, text string) {
	c := Change{Text: at.of(key) + text}
	if at.port != "" {
		c.Port = portName(at.application, at.port)
	}
	d.changes = append(d.changes, c)
}

// table compares two versions of a table.
func (d *differ) table(at place, old, new *document.Outline) {
	for _, s := range new.Values {
		before, _ := valueOf(old, s.Key)
		d.value(at, before, s)
	}
	for _, s := range old.Values {
		if after, written := valueOf(new, s.Key); !written {
			d.value(at, s, after)
		}
	}
	if sameTables(old.Tables, new.Tables) {
		for i := range new.Tables {
			d.table(at.enter(&new.Tables[i]), &old.Tables[i], &new.Tables[i])
		}
		return
	}
	before, after := byKey(old.Tables), byKey(new.Tables)
	for i := range old.Tables {
		if t := &old.Tables[i]; after[keyOf(t)] == nil {
			d.add(at.enter(t), "", " removed") // with all that is in it
			d.inner(at.enter(t), t, " removed")
		}
	}
	for i := range new.Tables {
		t := &new.Tables[i]
		if was := before[keyOf(t)]; was != nil {
			d.table(at.enter(t), was, t)
			continue
		}
		d.add(at.enter(t), "", " added"+summary(t))
		d.inner(at.enter(t), t, " added")
	}
}

// inner tells of the ports and other lists of tables that came or went with the table around them.
func (d *differ) inner(at place, t *document.Outline, what string) {
	for i := range t.Tables {
		inside := &t.Tables[i]
		if inside.Name == "" && len(inside.Values)+len(inside.Tables) == 0 {
			continue
		}
		text := what
		if what == " added" {
			text += summary(inside)
		}
		d.add(at.enter(inside), "", text)
		d.inner(at.enter(inside), inside, what)
	}
}

// summary says what a table begins with.
func summary(t *document.Outline) string {
	var parts []string
	for _, s := range t.Values {
		switch {
		case s.Text == t.Name && t.Name != "", s.Text == fromOutside, s.Text != "" && s.Text == t.Defaults[s.Key]:
		case secret(s.Key):
			parts = append(parts, s.Key)
		default:
			parts = append(parts, s.Key+" "+words(s))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return ": " + strings.Join(parts, ", ")
}

type tableKey struct{ key, name string }

func keyOf(t *document.Outline) tableKey { return tableKey{t.Key, t.Name} }

func byKey(tables []document.Outline) map[tableKey]*document.Outline {
	found := make(map[tableKey]*document.Outline, len(tables))
	for i := range tables {
		found[keyOf(&tables[i])] = &tables[i]
	}
	return found
}

// sameTables reports whether both have the same tables in the same order, as nearly always.
func sameTables(old, new []document.Outline) bool {
	if len(old) != len(new) {
		return false
	}
	for i := range old {
		if keyOf(&old[i]) != keyOf(&new[i]) {
			return false
		}
	}
	return true
}

// valueOf returns what a key stands for, and whether that is written.
func valueOf(t *document.Outline, key string) (document.Setting, bool) {
	if s, written := setting(t, key); written {
		return s, true
	}
	return document.Setting{Key: key, Text: t.Defaults[key]}, false
}

// value compares two versions of a key.
func (d *differ) value(at place, old, new document.Setting) {
	if sameValue(old, new) {
		return
	}
	if secret(new.Key) {
		d.add(at, new.Key, " changed")
		return
	}
	d.add(at, new.Key, ": "+valueText(old, new))
}

func valueText(old, new document.Setting) string {
	if len(old.Items) > 1 || len(new.Items) > 1 {
		return listText(old.Items, new.Items)
	}
	switch before, after := words(old), words(new); {
	case before == "":
		return "set to " + after
	case after == "":
		return before + " removed"
	default:
		return fmt.Sprintf("%s is now %s", before, after)
	}
}

func words(s document.Setting) string {
	if len(s.Items) > 0 {
		return strings.Join(s.Items, ", ")
	}
	return s.Text
}

// secret reports whether the value of a key must not be shown: one that is a secret, and not the file of one.
func secret(key string) bool {
	if strings.HasSuffix(key, "_file") || strings.HasSuffix(key, "_files") {
		return false
	}
	for _, word := range []string{"password", "passphrase", "secret", "token"} {
		if strings.Contains(key, word) {
			return true
		}
	}
	return false
}
