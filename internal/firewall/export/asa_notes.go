package export

import (
	"fmt"
	"slices"

	"sallyport/internal/firewall"
)

// asaNotes says what an operator has to do, and to look at.
func asaNotes(m *firewall.Matrix) []string {
	notes := []string{
		"note: This is a part of an access list, without access-group and without a denial of everything: it becomes part of what the " +
			"interface has. A list that is alone at an interface denies all other traffic.",
		"note: What is entered again is added to what is there. To replace a list that is in use, load this one under " +
			"another name, move the access-group to it and remove the old one.",
		"note: The ends of time ranges are those of the clock of the device, which has to be set to UTC.",
		"note: No ctiqbe, skinny or sip inspection, and no other, may be on ports that carry TLS: it takes the records for its protocol.",
	}
	inspected := asaInspected()
	var ports []uint16
	for i := range m.Guards {
		ports = append(ports, m.Guards[i].Port)
	}
	slices.Sort(ports)
	for _, port := range slices.Compact(ports) {
		if protocol := inspected[port]; protocol != "" {
			notes = append(notes, fmt.Sprintf("note: Port %d is where %s is looked for by default: take inspect %s out of the "+
				"policy map, or this port out of its class.", port, protocol, protocol))
		}
	}
	return notes
}

// asaInspected returns the protocols that an ASA looks for by default, by the TCP port of the destination.
func asaInspected() map[uint16]string {
	return map[uint16]string{
		21: "ftp", 25: "esmtp", 135: "dcerpc", 389: "ils", 514: "rsh", 554: "rtsp", 1521: "sqlnet", 1720: "h323 h225",
		1723: "pptp", 2000: "skinny", 2748: "ctiqbe", 5060: "sip", 5443: "mmp",
	}
}
