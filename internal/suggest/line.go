package suggest

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// lineKind is what a line of a log turned out to be.
type lineKind uint8

const (
	noRecord      lineKind = iota // anything else
	sessionRecord                 // of sallyport
	brokenRecord                  // one that was cut off or damaged
	foreignRecord                 // what looks like one in the line of another program
)

// Names of attributes as package proxy writes them; a test of the command holds them against it.
const (
	keyTime        = "time"
	keyMessage     = "msg"
	keyApplication = "application"
	keyPort        = "port"
	keySource      = "source"
	keyPeer        = "peer"
	keyMode        = "mode"
	keyTLSVersion  = "tls_version"
	keySubject     = "peer_subject"
	keyIdentities  = "peer_identities"
	keyVerdict     = "verdict"
	keyReason      = "reason"
	keyRule        = "rule"
	keyNearest     = "nearest"
	keyCondition   = "failed_condition"
	keySuppressed  = "suppressed"
)

// Attributes returns the names of the attributes that are read. The slice is the caller's.
func Attributes() []string {
	return []string{keyApplication, keyPort, keySource, keyPeer, keyMode, keyTLSVersion, keySubject, keyIdentities,
		keyVerdict, keyReason, keyRule, keyNearest, keyCondition, keySuppressed}
}

const sessionMessage = "session"

// fields are the attributes of a session record.
type fields map[string]string

// parseLine finds the session record in a line: as slog writes it as text or JSON, alone or
// behind a prefix of syslog, the journal or a container's log, or inside their JSON.
func parseLine(line []byte) (fields, lineKind) {
	if !bytes.Contains(line, []byte(sessionMessage)) {
		return nil, noRecord // most lines of a large log, hopefully
	}
	return parse(strings.TrimRight(string(line), "\r\n"), true)
}

// parse takes the text of a line, or with wrapped false what was wrapped in one.
func parse(line string, wrapped bool) (fields, lineKind) {
	text, object := textStart(line), strings.IndexByte(line, '{')
	if object >= 0 && (text < 0 || object < text) {
		return parseJSON(line[:object], line[object:], wrapped)
	}
	if text < 0 {
		return nil, damaged(line)
	}
	return parseText(line[:text], line[text:])
}

// textStart returns where a record begins, -1 for nowhere. The first place counts: a later one is within
// a value.
func textStart(line string) int {
	if strings.HasPrefix(line, keyTime+"=") {
		return 0
	}
	if i := strings.Index(line, " "+keyTime+"="); i >= 0 {
		return i + 1
	}
	return -1
}

// damaged tells what is left of a session record from all other lines.
func damaged(line string) lineKind {
	if strings.Contains(line, keyMessage+"="+sessionMessage+" ") || strings.Contains(line, `"`+keyMessage+`":"`+sessionMessage+`"`) {
		return brokenRecord
	}
	return noRecord
}

// foreign reports whether the prefix of a line, such as "Nov 22 14:00:00 host sshd[123]:", names another
// program: some log what strangers send them, which may look like a record.
func foreign(prefix string) bool {
	tag, tagged := strings.CutSuffix(strings.TrimSpace(prefix), ":")
	if !tagged {
		return false
	}
	tag = tag[strings.LastIndexAny(tag, " \t")+1:]
	return !strings.Contains(strings.ToLower(tag), "sallyport")
}

// parseText reads what slog.TextHandler writes: time, level and message, then the attributes. Everything up
// to the end of the line must have that form.
func parseText(prefix, text string) (fields, lineKind) {
	all := make(fields)
	order := make([]string, 0, 3)
	for rest := text; rest != ""; {
		key, value, after, ok := cutAttribute(rest)
		if !ok {
			return nil, damaged(text)
		}
		if _, twice := all[key]; twice {
			return nil, damaged(text)
		}
		if len(order) < cap(order) {
			order = append(order, key)
		}
		if key == keyMessage && value != sessionMessage {
			return nil, noRecord
		}
		all[key], rest = value, after
	}
	switch {
	case !slices.Equal(order, []string{keyTime, "level", keyMessage}):
		return nil, damaged(text)
	case foreign(prefix):
		return nil, foreignRecord
	default:
		return all, sessionRecord
	}
}

// cutAttribute takes "key=value" from the beginning of text. A value with a space, a quote or an equals
// sign is quoted.
func cutAttribute(text string) (key, value, rest string, ok bool) {
	key, text, ok = strings.Cut(text, "=")
	if !ok || key == "" || strings.ContainsAny(key, " \t\"") {
		return "", "", "", false
	}
	if !strings.HasPrefix(text, `"`) {
		value, rest, _ = strings.Cut(text, " ")
		return key, value, rest, !strings.ContainsAny(value, `"=`)
	}
	quoted, err := strconv.QuotedPrefix(text)
	if err != nil {
		return "", "", "", false
	}
	if value, err = strconv.Unquote(quoted); err != nil {
		return "", "", "", false
	}
	rest = text[len(quoted):]
	if rest == "" {
		return key, value, "", true
	}
	rest, ok = strings.CutPrefix(rest, " ")
	return key, value, rest, ok
}

// wrappers are where the journal (journalctl -o json), containers and log shippers put a line.
const (
	journalMessage = "MESSAGE"
	journalProgram = "SYSLOG_IDENTIFIER"
	dockerMessage  = "log"
	otherMessage   = "message"
)

// parseJSON reads what slog.JSONHandler writes, or a line that is wrapped in JSON.
func parseJSON(prefix, text string, wrapped bool) (fields, lineKind) {
	var object map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &object) != nil {
		return nil, damaged(text)
	}
	if message, isOurs := object[keyMessage]; isOurs {
		switch {
		case plainValue(message) != sessionMessage:
			return nil, noRecord
		case foreign(prefix):
			return nil, foreignRecord
		}
		all := make(fields, len(object))
		for key, value := range object {
			all[key] = plainValue(value)
		}
		return all, sessionRecord
	}
	if !wrapped {
		return nil, noRecord
	}
	for _, key := range []string{journalMessage, dockerMessage, otherMessage} {
		if line, found := object[key]; found {
			all, kind := parse(strings.TrimRight(plainValue(line), "\r\n"), false)
			if program, tagged := object[journalProgram]; tagged && kind == sessionRecord && foreign(plainValue(program)+":") {
				return nil, foreignRecord
			}
			return all, kind
		}
	}
	return nil, noRecord
}

// plainValue returns a string without its quotes, and other values as they are written.
func plainValue(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	return string(value)
}
