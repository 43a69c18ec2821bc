package subject

import (
	"fmt"
	"net/netip"
	"strings"
)

// policyOf is the policy for a task: the load comes from loopback and is allowed, everything else in it is there to be looked through.
func policyOf(t Task) string {
	var p strings.Builder
	if t.Definitions == 0 {
		writeRule(&p, "load", "loopback", t.Mode)
	} else {
		writeDefinitions(&p, t)
	}
	if t.Limits {
		p.WriteString(sallyportLimits)
	}
	return p.String()
}

// sallyportLimits count every session of the load and refuse none: nobody is exempt from the lock-out.
const sallyportLimits = `
[defaults]
rate = "1000000/s"
burst = 1000000
max_connections = 1000000
handshakes = "1000000/s"
[lockout]
failures = 1000
window = "30m"
duration = "30m"
exempt = []
`

// writeDefinitions writes so many clients with addresses, source ports and a rule each, as a site with sidecars at every client has them. The load
// is the one in the middle, without source ports: the system chooses them.
func writeDefinitions(p *strings.Builder, t Task) {
	address := netip.MustParseAddr("10.0.0.1")
	for i := range t.Definitions {
		name := fmt.Sprintf("client-%d", i+1)
		if i == t.Definitions/2 {
			name = "load"
			p.WriteString("[[client]]\nname = \"load\"\naddresses = [\"127.0.0.0/8\"]\n")
		} else {
			fmt.Fprintf(p, "[[client]]\nname = %q\naddresses = [%q]\nports = [\"%d-%d\"]\n", name, address, 20001+i%1000, 20004+i%1000)
			address = address.Next()
		}
		writeRule(p, name, name, t.Mode)
	}
}

func writeRule(p *strings.Builder, id, from string, mode Mode) {
	tls := "required"
	switch mode {
	case Plaintext:
		tls = "plaintext"
	case AutoDetect:
		tls = "any"
	}
	fmt.Fprintf(p, "[[allow]]\nid = %q\nfrom = [%q]\nto = [\"bench/in\"]\ntls = %q\nowner = \"bench\"\n", id, from, tls)
}
