package matrix

import "slices"

// spelling returns the field that the canonical words of a header stand for.
func spelling(words string) Field {
	switch words {
	case "rule id", "rule", "id", "rule number", "rule name", "ruleid":
		return RuleID
	case "number", "row", "line", "item", "seq", "sequence":
		return Ignored // rows are counted, which names no rule
	case "action", "permit deny", "allow deny", "decision", "access", "policy action", "verdict":
		return Action
	case "protocol", "proto", "ip protocol", "address protocol", "transport", "l4 protocol", "transport protocol":
		return Protocol
	case "direction", "traffic direction", "in out":
		return Direction
	case "tls mode", "tls", "ssl", "tls ssl", "ssl tls", "encrypted", "encryption":
		return TLSMode
	case "source identity", "identity", "identities", "certificate", "source certificate":
		return ClientIdentity
	case "max connections", "maximum connections", "connections", "max conn", "connection limit":
		return MaxConnections
	case "rate", "rate limit", "connection rate":
		return Rate
	case "burst":
		return Burst
	case "family", "address family":
		return Family
	case "owner", "rule owner", "business owner", "application owner", "service owner", "requester", "contact", "team", "department", "responsible":
		return Owner
	case "ticket", "ticket id", "ticket number", "change", "change id", "change number", "change request", "cr", "cr number", "rfc", "request", "request id", "incident":
		return Ticket
	case "reason", "justification", "business justification", "business reason", "purpose", "description", "comment", "use case":
		return Reason
	case "valid from", "from date", "start", "start date", "effective date", "effective from", "active from":
		return ValidFrom
	case "valid until", "valid to", "until", "to date", "end", "end date", "expires", "expires on", "expiry", "expiry date", "expiration", "expiration date", "active until", "valid till":
		return ValidUntil
	case "policy hash":
		return PolicyHash
	default:
		return endSpelling(words)
	}
}

// ownSpelling returns the field of a column of sallyport's own matrix. What people have added to it is not looked at.
func ownSpelling(name string) Field {
	switch field := Field(name); field {
	case "flow-id", "counted-by", "dst-host", "resolved", "position", "host", "generation", "made", "about":
		return Ignored // of the flow, of the export and of the names of servers
	case origins:
		return field
	default:
		if slices.Contains(Fields(), field) {
			return field
		}
		return ""
	}
}

// endSpelling returns the fields of the two ends.
func endSpelling(words string) Field {
	switch words {
	case "source", "source host", "source name address", "source host address", "from":
		return eitherSource
	case "source address", "from address", "source prefix", "saddr":
		return SourceIP
	case "source name", "from name":
		return SourceName
	case "source mask", "source address mask":
		return SourceMask
	case "source port", "sport", "from port", "source tcp port":
		return SourcePort
	case "destination", "destination host", "destination name address", "destination host address", "to":
		return eitherTarget
	case "destination address", "to address", "destination prefix", "daddr":
		return TargetIP
	case "destination name", "to name", "application", "application port":
		return TargetName
	case "destination mask", "destination address mask":
		return TargetMask
	case "destination port", "port", "dport", "to port", "tcp port", "destination tcp port", "listening port":
		return TargetPort
	case "service", "destination service", "port service", "service port", "destination port service":
		return Service
	default:
		return ""
	}
}
