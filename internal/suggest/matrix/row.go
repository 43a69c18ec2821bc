package matrix

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"sallyport/internal/suggest/draft"
	"sallyport/policy"
)

// row is a line of the matrix that is being understood.
type row struct {
	*builder
	*record
	problems []Problem // in its way
	parts    []Problem // what of it cannot be placed, although the rest can
	remarks  []string  // on how it was read

	exact      bool // the matrix is sallyport's own: its words mean what they say
	deny       bool
	key        groupKey
	name       string // of the client, empty if it has none
	identities []policy.Identity
	said       string // about TLS, in the words of policies; empty for nothing

	sources     []netip.Prefix
	anySource   bool // by a word
	sourcePorts []policy.PortRange
	targets     []netip.Prefix
	targetPorts []policy.PortRange
}

// of returns the first cell about a field. A column that is not there is an empty cell.
func (r *row) of(f Field) cell {
	if list := r.columns.index[f]; len(list) > 0 {
		return r.cell(list[0])
	}
	return cell{line: r.line, column: 1}
}

// joined returns all texts about a field, on one line, and cut to what a policy can hold.
func (r *row) joined(f Field) string {
	const longest = 1000 // bytes
	var texts []string
	for _, i := range r.columns.index[f] {
		if text := folded(r.cell(i).text); !nothing(text) && !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	text := strings.Join(texts, "; ")
	if len(text) > longest {
		r.remark("the %s is longer than %d bytes and was cut", f, longest)
	}
	return strings.TrimSpace(draft.Cut(text, longest))
}

// fail lists a cell with what is wrong about it.
func (r *row) fail(c cell, message, hint string) {
	r.problems = append(r.problems, Problem{r.builder.name, c.line, c.column, message, hint})
}

// leave lists a part of a cell that cannot be placed.
func (r *row) leave(c cell, message, hint string) {
	p := Problem{r.builder.name, c.line, c.column, message, hint}
	if !slices.Contains(r.parts, p) { // both families of addresses may have it
		r.parts = append(r.parts, p)
	}
}

// refuse lists a cell with the error of a parser.
func (r *row) refuse(c cell, f Field, err error) {
	hint := ""
	if m, ok := errors.AsType[*policy.Malformed](err); ok {
		hint = m.Hint
	}
	r.fail(c, fmt.Sprintf("%s: %s", f, err), hint)
}

func (r *row) remark(format string, args ...any) {
	text := fmt.Sprintf("line %d: ", r.line) + fmt.Sprintf(format, args...)
	if !slices.Contains(r.remarks, text) {
		r.remarks = append(r.remarks, text)
	}
}

// understand reads all cells, and reports whether the row can be placed.
func (r *row) understand() bool {
	r.exact = r.columns.has(PolicyHash)
	for i := len(r.columns.names); i < len(r.texts); i++ {
		if c := r.cell(i); c.text != "" {
			r.fail(c, fmt.Sprintf("there is %s beyond the last column", quoted(c.text)), "a cell with a separator in it is quoted; otherwise all cells behind it are in the wrong columns")
		}
	}
	if !r.foreign() {
		r.action()
		r.source()
		r.target()
		r.family()
		r.demands()
		r.limits()
		r.dates()
	}
	r.key.id = folded(r.of(RuleID).text)
	r.key.owner, r.key.ticket, r.key.reason = r.joined(Owner), r.joined(Ticket), r.joined(Reason)
	return len(r.problems) == 0
}

// foreign lists rows of sallyport's own matrix that come from the configuration and not from the policy.
func (r *row) foreign() bool {
	id := r.of(RuleID)
	_, of, _ := strings.Cut(id.text, "/")
	switch origin := r.of(origins).text; origin {
	case "pin":
		r.fail(id, fmt.Sprintf("these are connections of %s to its server, which the source of its upstream is about, and no policy", quoted(of)), "")
	case "balancer":
		r.fail(id, fmt.Sprintf("this is what sends PROXY headers to %s, which its proxy_trusted is about, and no policy", quoted(of)), "")
	case "audit":
		r.fail(id, "this is what audit mode lets pass, and no rule", "set [audit] in the policy if it is meant")
	default:
		return false
	}
	return true
}

// implied reports whether the row is one of those with which sallyport's own matrix says what every policy does.
func (r *row) implied() bool { return r.of(origins).text == "default" }

func (r *row) action() {
	c := r.of(Action)
	switch strings.ToLower(c.text) {
	case "permit", "allow", "accept", "open", "pass", "yes", "add", "new":
	case "deny", "drop", "block", "reject", "no":
		r.deny = true
	case "":
		if r.columns.has(Action) {
			r.fail(c, "the row does not say whether to permit or to deny", `write "permit" or "deny"`)
			break
		}
		r.denied()
	default:
		r.fail(c, "unknown action "+quoted(c.text), `write "permit" or "deny"; what is to be removed is not in a policy`)
	}
	if c := r.of(Direction); slices.Contains([]string{"both", "bidirectional", "two-way", "any", "inout"}, strings.ToLower(c.text)) {
		r.fail(c, fmt.Sprintf("%s: also connections from the destination to the source are meant, and a policy is about those to its ports", quoted(c.text)),
			"answers belong to the connection and need no row; write a row for each direction in which connections are made")
	}
}

// denied lists what reads like a denial in a column whose name nobody knows: to take such a row for a permit would open what was meant
// to be shut.
func (r *row) denied() {
	for _, i := range r.columns.unread {
		switch c := r.cell(i); strings.ToLower(c.text) {
		case "deny", "denied", "drop", "block", "blocked", "reject":
			name := r.columns.names[i]
			r.fail(c, fmt.Sprintf("nobody said what column %s is, and %s may be a denial", quoted(name), quoted(c.text)),
				fmt.Sprintf("say what it is: --map %s, or --map %s", quoted(name+"=action"), quoted(name+"=ignore")))
		}
	}
}

func (r *row) source() {
	r.name = folded(r.of(SourceName).text)
	if nothing(r.name) {
		r.name = ""
	}
	c := r.of(SourceIP)
	var err error
	if r.sources, r.anySource, err = r.addresses(c.text, r.of(SourceMask).text); nothing(c.text) {
		r.fail(c, "the row does not say from where", `write addresses or "any"; below a merged cell, what is in it`)
	} else if err != nil {
		r.refuse(c, SourceIP, err)
	}
	r.sourcePorts = []policy.PortRange{anyPort()}
	c = r.of(SourcePort)
	if nothing(c.text) {
		return
	}
	list, err := parsePorts(c.text, r.exact)
	switch {
	case err != nil:
		r.refuse(c, SourcePort, err)
	case len(list.others) > 0 || len(list.ranges) == 0:
		r.fail(c, fmt.Sprintf("%s: %s are not source ports of TCP", SourcePort, quoted(c.text)), `write "20001-20004" or "any"`)
	default:
		r.sourcePorts = policy.MergePorts(list.ranges)
	}
	if err == nil && list.chosen != "" {
		r.remark("source ports %s were taken for any: the client's system chooses them", quoted(list.chosen))
	}
}
