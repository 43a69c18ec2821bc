package matrix

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
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
		}
	default:
		r.fail(c, "unknown action "+quoted(c.text), `write "permit" or "deny"; what is to be removed is not in a policy`)
	}
	if c := r.of(Direction); slices.Contains([]string{"both", "bidirectional", "two-way", "any", "inout"}, strings.ToLower(c.text)) {
		r.fail(c, fmt.Sprintf("%s: also connections from the destination to the source are meant, and a policy is about those to its ports", quoted(c.text)),
			"answers belong to the connection and need no row; write a row for each direction in which connections are made")
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

func (r *row) target() {
	c := r.of(TargetIP)
	var err error
	switch r.targets, _, err = r.addresses(c.text, r.of(TargetMask).text); {
	case err != nil && !nothing(c.text):
		r.refuse(c, TargetIP, err)
	case nothing(c.text):
		r.targets = nil
	}
	protocol := r.of(Protocol)
	spoken, err := parseProtocols(protocol.text)
	if err != nil {
		r.refuse(protocol, Protocol, err)
		return
	}
	c, list := r.service()
	if list == nil {
		return
	}
	switch {
	case !spoken.tcp && list.spoken:
		r.fail(protocol, fmt.Sprintf("%s: %s, and the ports are of TCP", Protocol, quoted(protocol.text)), "")
	case !spoken.tcp:
		r.fail(protocol, noTCP(spoken.others), "")
	case len(list.others) > 0 && len(list.ranges) == 0:
		r.fail(c, noTCP(list.others), "")
	case len(list.others) > 0:
		r.leave(c, noTCP(list.others), "")
	case len(spoken.others) > 0:
		r.leave(protocol, noTCP(spoken.others), "")
	}
	if spoken.all != "" {
		r.remark("of %s only TCP is meant here: nothing else passes sallyport", quoted(spoken.all))
	}
	r.targetPorts = list.ranges
}

// family leaves the addresses of the family that the row is about.
func (r *row) family() {
	c := r.of(Family)
	var others func(netip.Prefix) bool
	switch strings.ToLower(c.text) {
	case "ipv4", "4", "inet":
		others = func(p netip.Prefix) bool { return !p.Addr().Is4() }
	case "ipv6", "6", "inet6":
		others = func(p netip.Prefix) bool { return p.Addr().Is4() }
	case "", "any", "both":
		return
	default:
		r.fail(c, fmt.Sprintf("%s: unknown value %s", Family, quoted(c.text)), `write "ipv4" or "ipv6"`)
		return
	}
	sources, targets := len(r.sources), len(r.targets)
	r.sources, r.targets = slices.DeleteFunc(r.sources, others), slices.DeleteFunc(r.targets, others)
	if !r.anySource && len(r.sources) < sources || len(r.targets) == 0 && targets > 0 {
		r.fail(c, fmt.Sprintf("the row is about %s, and its addresses are not", c.text), "")
	}
}

// service returns the cell about the destination's ports and what it says, or lists what is wrong with it. A name of a service beside a
// column of ports only counts if it says something.
func (r *row) service() (cell, *portList) {
	port, service := r.of(TargetPort), r.of(Service)
	if nothing(port.text) && !nothing(service.text) {
		port, service.text = service, ""
	}
	list := new(portList)
	if nothing(port.text) {
		return port, list
	}
	list, err := parsePorts(port.text, r.exact)
	if err != nil {
		r.refuse(port, TargetPort, err)
		return port, nil
	}
	if nothing(service.text) {
		return port, list
	}
	other, err := parsePorts(service.text, r.exact)
	switch {
	case err != nil:
		return port, list // what people call it
	case len(other.ranges) > 0 && !slices.Equal(policy.MergePorts(other.ranges), policy.MergePorts(list.ranges)), len(other.ranges) == 0 && len(other.others) > 0:
		r.fail(service, fmt.Sprintf("the service is %s and the port is %s", quoted(service.text), quoted(port.text)), "let them say the same, or empty one of them")
		return port, nil
	}
	list.others = append(list.others, other.others...)
	return port, list
}

// demands reads what is asked of TLS and of certificates.
func (r *row) demands() {
	c := r.of(TLSMode)
	switch strings.ToLower(c.text) {
	case "":
	case "required", "yes", "y", "true", "tls", "ssl", "secure":
		r.said = policy.TLSRequired.String()
	case "any", "both", "optional":
		r.said = policy.TLSAny.String()
	case "plaintext", "plain", "no", "n", "false", "cleartext", "none":
		r.said = policy.PlaintextOnly.String()
	case "-", "n/a", "na":
	default:
		r.fail(c, fmt.Sprintf("%s: unknown value %s", TLSMode, quoted(c.text)), `write "required", "any" or "plaintext"`)
	}
	c = r.of(ClientIdentity)
	texts := identities(c.text)
	if r.exact {
		texts = ownIdentities(c.text)
	}
	for _, text := range texts {
		identity, err := policy.ParseIdentity(text)
		if err != nil {
			r.refuse(c, ClientIdentity, err)
			continue
		}
		r.identities = append(r.identities, identity)
	}
	if len(r.identities) == 0 {
		return
	}
	slices.SortFunc(r.identities, func(a, b policy.Identity) int { return strings.Compare(a.String(), b.String()) })
	r.identities = slices.Compact(r.identities)
	if r.said == policy.PlaintextOnly.String() {
		r.fail(c, "without TLS there is no certificate that could show an identity", `write "required" into the column about TLS, or no identity`)
	}
	r.said = policy.TLSRequired.String() // nobody shows a certificate otherwise
}

// identities takes a cell apart where the next identity begins.
func identities(text string) []string {
	if nothing(text) || everything(text) {
		return nil
	}
	var all []string
	start := 0
	for i := 1; i < len(text); i++ {
		if strings.IndexByte(" ,;|\n", text[i-1]) >= 0 && startsIdentity(text[i:]) {
			all = append(all, strings.Trim(text[start:i], " ,;|\n"))
			start = i
		}
	}
	return append(all, strings.Trim(text[start:], " ,;|\n"))
}

// ownIdentities takes a cell apart that sallyport wrote: a semicolon in an identity has a backslash in front.
func ownIdentities(text string) []string {
	var all []string
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		case text[i] == ';':
			all = append(all, strings.TrimSpace(b.String()))
			b.Reset()
		default:
			b.WriteByte(text[i])
		}
	}
	if b.Len() == 0 && len(all) == 0 {
		return nil
	}
	return append(all, strings.TrimSpace(b.String()))
}

func startsIdentity(text string) bool {
	for kind := policy.CommonName; kind.String() != ""; kind++ {
		if strings.HasPrefix(text, kind.String()+":") {
			return true
		}
	}
	return false
}

// count reads a number of connections, 0 for none.
func (r *row) count(f Field) int {
	c := r.of(f)
	if nothing(c.text) || everything(c.text) || endless(c.text) {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSuffix(c.text, ".0"))
	if err != nil || n < 1 || n > math.MaxInt32 {
		r.fail(c, fmt.Sprintf("%s: %s is no number of connections", f, quoted(c.text)), "write 1 or more, or nothing for no bound")
	}
	return n
}

func (r *row) limits() {
	r.key.MaxConnections, r.key.Burst = r.count(MaxConnections), r.count(Burst)
	if c := r.of(Rate); !nothing(c.text) && !everything(c.text) && !endless(c.text) {
		rate, err := policy.ParseRate(strings.ReplaceAll(c.text, " ", ""))
		if err != nil {
			r.refuse(c, Rate, err)
		}
		r.key.Rate = rate
	}
	if c := r.of(Burst); r.key.Burst > 0 && r.key.Rate.IsZero() {
		r.fail(c, "there is a burst without a rate", "a burst is what may exceed the rate for a moment")
	}
}

func (r *row) dates() {
	var err error
	if c := r.of(ValidFrom); c.text != "" {
		if r.key.from, err = r.Order.day(folded(c.text)); err != nil {
			r.refuse(c, ValidFrom, err)
		}
	}
	c := r.of(ValidUntil)
	if c.text == "" {
		return
	}
	if r.key.until, err = r.Order.day(folded(c.text)); err != nil {
		r.refuse(c, ValidUntil, err)
	}
	if err == nil && !r.key.until.IsZero() && r.key.until.Before(r.key.from) {
		r.fail(c, fmt.Sprintf("the row ends on %s, before it begins on %s", policy.DayText(r.key.until), policy.DayText(r.key.from)), "")
	}
}
