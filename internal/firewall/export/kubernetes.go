package export

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"sallyport/internal/firewall"
)

// What the API server takes, by the reference of networking.k8s.io/v1 and "Object Names and IDs".
const (
	kubernetesName  = 253
	kubernetesLabel = 63
	kubernetesNotes = 200 << 10 // bytes of an annotation; all of them together may have 256 KiB

	// kubernetesPeers keeps a policy well below the 1.5 MiB that etcd takes. Policies add up, so the rest goes to another one.
	kubernetesPeers = 5000
)

type networkPolicy struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Metadata   struct {
		Name        string            `yaml:"name"`
		Annotations map[string]string `yaml:"annotations"`
	} `yaml:"metadata"`
	Spec struct {
		PodSelector struct {
			MatchLabels map[string]string `yaml:"matchLabels"`
		} `yaml:"podSelector"`
		PolicyTypes []string      `yaml:"policyTypes"`
		Ingress     []networkRule `yaml:"ingress,omitempty"`
		Egress      []networkRule `yaml:"egress,omitempty"`
	} `yaml:"spec"`

	ingress, egress []string // a comment for each rule
}

type networkRule struct {
	From  []networkPeer `yaml:"from,omitempty"`
	To    []networkPeer `yaml:"to,omitempty"`
	Ports []networkPort `yaml:"ports"`
}

type networkPeer struct {
	IPBlock struct {
		CIDR   string   `yaml:"cidr"`
		Except []string `yaml:"except,omitempty,flow"`
	} `yaml:"ipBlock"`
}

type networkPort struct {
	Protocol string `yaml:"protocol"`
	Port     uint16 `yaml:"port"`
}

// writeKubernetes writes a NetworkPolicy for each application, and for each client at the clients' side.
func writeKubernetes(m *firewall.Matrix, _ Options) (*Artefact, error) {
	if err := atEnd(m, "a NetworkPolicy belongs to the pods of one end"); err != nil {
		return nil, err
	}
	statements := permits(statementsOf(m.Flows))
	losses := slices.Concat(lostPorts(statements), lostDays(statements))
	k := kubernetes{
		blocks: blocksOf(m), header: &m.Header,
		objects: names{limit: kubernetesName, prefix: "sallyport-", others: "-", fill: "-", lower: true},
		labels:  names{limit: kubernetesLabel, others: "-_.", fill: "-"},
	}
	out := commented(slices.Concat(head(m), kubernetesNotices(), lossLines(losses)))
	for _, w := range workloadsOf(m, statements) {
		for _, p := range k.policies(&w) {
			out.WriteString("---\n")
			if err := p.encode(out); err != nil {
				return nil, err
			}
		}
	}
	return &Artefact{Files: []File{{Name: "sallyport.networkpolicy.yaml", Data: out.Bytes()}}, Losses: losses}, nil
}

func kubernetesNotices() []string {
	return []string{
		"note: The label app of each podSelector is a proposal: adapt it to the labels of the pods, and the namespace, too.",
		"note: A pod that a policy selects is isolated: nothing else reaches it, or is reached by it, unless another policy allows it.",
		"note: Policies add up and cannot deny. What another policy allows, a block of sallyport's policy does not take away.",
		"note: Addresses of pods are not held: the policies are for whatever the selectors select.",
		"note: Addresses are compared after translation: a Service of type NodePort or LoadBalancer needs externalTrafficPolicy Local.",
	}
}

// kubernetes makes policies of workloads.
type kubernetes struct {
	blocks          blocks
	header          *firewall.Header
	objects, labels names
}

// policies returns the policies of a workload: one, unless it is too large.
func (k *kubernetes) policies(w *workload) []networkPolicy {
	var parts []networkPolicy
	weaker := weakerText(w)
	peers := kubernetesPeers
	add := func(e *statement, rule networkRule, size int) {
		if peers += size; peers > kubernetesPeers {
			parts, peers = append(parts, k.policy(w, len(parts), weaker)), size
		}
		p := &parts[len(parts)-1]
		comment := strings.Join(e.remarks(), "\n")
		if e.flow.Direction == firewall.Outbound {
			p.Spec.Egress, p.egress = append(p.Spec.Egress, rule), append(p.egress, comment)
		} else {
			p.Spec.Ingress, p.ingress = append(p.Spec.Ingress, rule), append(p.ingress, comment)
		}
	}
	for i := range w.in {
		k.rules(&w.in[i], add)
	}
	for i := range w.out {
		k.rules(&w.out[i], add)
	}
	if len(parts) == 0 {
		parts = append(parts, k.policy(w, 0, weaker)) // nothing may pass
	}
	return parts
}

// rules gives the rules of a statement, of which there is one unless its addresses are many. One without peers would let
// everybody pass.
func (k *kubernetes) rules(e *statement, add func(*statement, networkRule, int)) {
	var peers []networkPeer
	if e.flow.Direction == firewall.Inbound {
		peers = k.peers(e)
	} else if len(k.blocks.open(e)) > 0 {
		peers = peersOf(e.destinations)
	}
	ports := []networkPort{{"TCP", e.port()}}
	for chunk := range slices.Chunk(peers, kubernetesPeers/5) {
		size := len(chunk)
		for i := range chunk {
			size += len(chunk[i].IPBlock.Except)
		}
		if e.flow.Direction == firewall.Inbound {
			add(e, networkRule{From: chunk, Ports: ports}, size)
		} else {
			add(e, networkRule{To: chunk, Ports: ports}, size)
		}
	}
}

// peers returns the sources of a statement, what is blocked of them excepted.
func (k *kubernetes) peers(e *statement) []networkPeer {
	var open []netip.Prefix
	var excepted [][]netip.Prefix
	for _, source := range e.sources {
		except := prefixesOf(k.blocks.within(source, e))
		if len(except) == 1 && except[0] == source {
			continue // blocked altogether; an exception has to be smaller than what it is of
		}
		open, excepted = append(open, source), append(excepted, except)
	}
	peers := peersOf(open)
	for i := range peers {
		peers[i].IPBlock.Except = prefixTexts(excepted[i])
	}
	return peers
}

func peersOf(prefixes []netip.Prefix) []networkPeer {
	peers := make([]networkPeer, len(prefixes))
	for i, p := range prefixes {
		peers[i].IPBlock.CIDR = p.String()
	}
	return peers
}

// policy returns a policy of a workload without rules.
func (k *kubernetes) policy(w *workload, part int, weaker string) networkPolicy {
	p := networkPolicy{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"}
	p.Metadata.Name = k.objects.name(w.name)
	if part > 0 {
		p.Metadata.Name = k.objects.name(fmt.Sprintf("%s part %d", w.name, part+1))
	}
	p.Metadata.Annotations = map[string]string{"sallyport/policy": policyText(k.header)}
	if weaker != "" {
		p.Metadata.Annotations["sallyport/weaker"] = weaker
	}
	p.Spec.PodSelector.MatchLabels = map[string]string{"app": k.labels.name(w.name)}
	if w.guardsIn {
		p.Spec.PolicyTypes = append(p.Spec.PolicyTypes, "Ingress")
	}
	if w.guardsOut {
		p.Spec.PolicyTypes = append(p.Spec.PolicyTypes, "Egress")
	}
	return p
}
