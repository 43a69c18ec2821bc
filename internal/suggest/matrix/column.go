package matrix

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"sallyport/policy"
)

// Field is what a column is about.
type Field string

// The fields, called like the columns of sallyport's own matrix as far as that has them.
const (
	RuleID         Field = "rule-id"
	Action         Field = "action"
	Protocol       Field = "protocol"
	SourceName     Field = "src-name"
	SourceIP       Field = "src-ip"
	SourceMask     Field = "src-mask"
	SourcePort     Field = "src-port"
	TargetName     Field = "dst-name"
	TargetIP       Field = "dst-ip"
	TargetMask     Field = "dst-mask"
	TargetPort     Field = "dst-port"
	Service        Field = "service"
	Direction      Field = "direction"
	TLSMode        Field = "tls-mode"
	ClientIdentity Field = "client-identity"
	MaxConnections Field = "max-connections"
	Rate           Field = "rate"
	Burst          Field = "burst"
	Family         Field = "family"
	Owner          Field = "owner"
	Ticket         Field = "ticket"
	Reason         Field = "reason"
	ValidFrom      Field = "valid-from"
	ValidUntil     Field = "valid-until"
	PolicyHash     Field = "policy-hash"
	Ignored        Field = "ignore"

	eitherSource Field = "source" // addresses, or names if another column has the addresses
	eitherTarget Field = "target" // the same of destinations
	origins      Field = "origin" // of the flows in sallyport's own matrix
)

// Fields returns all fields that columns can be mapped to. The slice is the caller's.
func Fields() []Field {
	return []Field{
		RuleID, Action, Protocol, SourceName, SourceIP, SourceMask, SourcePort, TargetName, TargetIP, TargetMask, TargetPort, Service,
		Direction, TLSMode, ClientIdentity, MaxConnections, Rate, Burst, Family, Owner, Ticket, Reason, ValidFrom, ValidUntil, PolicyHash, Ignored,
	}
}

// Column says what a column of a matrix is about.
type Column struct {
	Name  string
	Field Field
}

// ParseColumn reads "COLUMN NAME=field". Errors are [*policy.Malformed].
func ParseColumn(text string) (Column, error) {
	at := strings.LastIndexByte(text, '=')
	if at <= 0 || clean(text[:at]) == "" {
		return Column{}, &policy.Malformed{Problem: quoted(text) + " maps no column", Hint: `write "COLUMN NAME=FIELD"`}
	}
	field := Field(strings.TrimSpace(text[at+1:]))
	if slices.Contains(Fields(), field) {
		return Column{text[:at], field}, nil
	}
	var names []string
	for _, f := range Fields() {
		names = append(names, string(f))
	}
	return Column{}, &policy.Malformed{Problem: "unknown field " + quoted(string(field)), Hint: "it is one of " + strings.Join(names, ", ")}
}

// repeated reports whether several columns can be about a field: their texts are joined.
func (f Field) repeated() bool {
	return f == Owner || f == Ticket || f == Reason || f == Ignored || f == PolicyHash
}

// columns are where the fields are.
type columns struct {
	names   []string        // of all columns
	index   map[Field][]int // in the order of the table
	unknown []string        // columns that nobody looks at
	unread  []int           // their places
}

// has reports whether there is a column for a field.
func (c *columns) has(f Field) bool { return len(c.index[f]) > 0 }

// columnsOf understands the header. The problem has no place.
func (im *Import) columnsOf(header []string) (*columns, *Problem) {
	c := &columns{index: make(map[Field][]int)}
	mapped := make([]bool, len(im.Columns))
	own := slices.Contains(header, string(PolicyHash))
	for i, text := range header {
		name := clean(unguarded(text))
		c.names = append(c.names, name)
		if field := im.field(name, own, mapped); field != "" {
			c.index[field] = append(c.index[field], i)
		} else if name != "" {
			c.unknown = append(c.unknown, name)
			c.unread = append(c.unread, i)
		}
	}
	c.settle(eitherSource, SourceIP, SourceName)
	c.settle(eitherTarget, TargetIP, TargetName)
	return c, im.missing(c, mapped)
}

// field returns what a column is about, empty if that is not known. What is asked for counts more than what a name says.
func (im *Import) field(name string, own bool, mapped []bool) Field {
	for i, m := range im.Columns {
		if strings.EqualFold(clean(m.Name), name) {
			mapped[i] = true
			return m.Field
		}
	}
	if own {
		return ownSpelling(name)
	}
	return spelled(name)
}

// settle makes columns that may have names or addresses one of the two.
func (c *columns) settle(either, addresses, names Field) {
	list := c.index[either]
	delete(c.index, either)
	if len(list) == 0 {
		return
	}
	field := addresses
	if c.has(addresses) {
		field = names
	}
	c.index[field] = append(c.index[field], list...)
}

// missing says what keeps a header from being one.
func (im *Import) missing(c *columns, mapped []bool) *Problem {
	for _, f := range Fields() {
		if list := c.index[f]; len(list) > 1 && !f.repeated() {
			return &Problem{
				Message: fmt.Sprintf("the columns %s and %s are both the %s", quoted(c.names[list[0]]), quoted(c.names[list[1]]), f),
				Hint:    "say what one of them is, as in --map " + quoted(c.names[list[1]]+"=ignore"),
			}
		}
	}
	if i := slices.Index(mapped, false); i >= 0 {
		return &Problem{Message: "there is no column " + quoted(im.Columns[i].Name), Hint: "--map names columns as the header does"}
	}
	switch {
	case !c.has(SourceIP):
		return &Problem{Message: "no column has the source's addresses", Hint: `say which one does, as in --map "COLUMN NAME=src-ip"`}
	case !c.has(TargetIP) && !c.has(TargetName) && !c.has(TargetPort) && !c.has(Service):
		return &Problem{Message: "no column has the destination", Hint: `say which ones do, as in --map "COLUMN NAME=dst-ip" --map "COLUMN NAME=dst-port"`}
	default:
		return nil
	}
}

// notes says what a reader has to know of the columns.
func (t *table) notes() []string {
	var notes []string
	if len(t.columns.unknown) > 0 {
		texts := make([]string, len(t.columns.unknown))
		for i, name := range t.columns.unknown {
			texts[i] = quoted(name)
		}
		notes = append(notes, "Columns that were not looked at: "+strings.Join(texts, ", ")+". If one of them restricts its rows, the draft does not.")
	}
	if !t.columns.has(SourcePort) {
		notes = append(notes, "No column has source ports: all clients may use any.")
	}
	if !t.columns.has(TargetIP) {
		notes = append(notes, "No column has the destination's addresses: rows are placed by names and port numbers alone.")
	}
	if !t.columns.has(Action) {
		notes = append(notes, "No column says what to permit and what to deny: every row was taken for a permit.")
	}
	return notes
}

// canonical are words of headers that say the same.
func canonical(word string) string {
	switch word {
	case "src", "client", "sender":
		return "source"
	case "dst", "dest", "target", "server":
		return "destination"
	case "ip", "ips", "ipv4", "ipv6", "addr", "addrs", "addresses", "ipaddress", "cidr", "cidrs", "network", "networks", "subnet", "subnets":
		return "address"
	case "ports":
		return "port"
	case "netmask", "subnetmask":
		return "mask"
	case "hostname", "hostnames", "names":
		return "name"
	case "hosts", "object", "objects", "system", "systems":
		return "host"
	case "services":
		return "service"
	case "requestor", "requested":
		return "requester"
	case "comments", "remark", "remarks", "note", "notes":
		return "comment"
	case "no", "nr":
		return "number"
	case "and", "the", "of", "by", "or", "s":
		return ""
	default:
		return word
	}
}

// spelled returns what the name of a column says. It is never guessed from what is in the column.
func spelled(name string) Field {
	var words []string
	for word := range strings.FieldsFuncSeq(strings.ToLower(name), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		word = canonical(word)
		if word != "" && (len(words) == 0 || words[len(words)-1] != word) {
			words = append(words, word)
		}
	}
	return spelling(strings.Join(words, " "))
}
