package export

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"sallyport/internal/firewall"
)

func policiesOf(t *testing.T, a *Artefact) []networkPolicy {
	t.Helper()
	d := yaml.NewDecoder(bytes.NewReader(a.Files[0].Data))
	d.KnownFields(true)
	var all []networkPolicy
	for {
		var p networkPolicy
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// readKubernetes reads policies as a cluster does: those that select a pod add up, and isolate it in the directions that they name.
func readKubernetes(t *testing.T, a *Artefact) device {
	t.Helper()
	all := policiesOf(t, a)
	checkKubernetes(t, all)
	return func(d firewall.Direction, p attempt) outcome {
		result := foreign
		for i := range all {
			q := &all[i]
			rules, kind := q.Spec.Ingress, "Ingress"
			if d == firewall.Outbound {
				rules, kind = q.Spec.Egress, "Egress"
			}
			label := (&names{limit: kubernetesLabel, others: "-_.", fill: "-"}).name(p.workload)
			if q.Spec.PodSelector.MatchLabels["app"] != label || !strings.Contains(strings.Join(q.Spec.PolicyTypes, " "), kind) {
				continue
			}
			if networkRulesPass(rules, p) {
				return passed
			}
			result = refused
		}
		return result
	}
}

func networkRulesPass(rules []networkRule, p attempt) bool {
	for _, r := range rules {
		peers, peer := r.From, p.from.Addr()
		if r.To != nil {
			peers, peer = r.To, p.to.Addr()
		}
		for _, b := range peers {
			inside := netip.MustParsePrefix(b.IPBlock.CIDR).Contains(peer)
			for _, except := range b.IPBlock.Except {
				inside = inside && !netip.MustParsePrefix(except).Contains(peer)
			}
			if inside && r.Ports[0].Port == p.to.Port() {
				return true
			}
		}
	}
	return false
}

// checkKubernetes checks what the API server refuses, and what would open a policy to everybody.
func checkKubernetes(t *testing.T, all []networkPolicy) {
	t.Helper()
	name := regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,251}[a-z0-9])?$`)
	label := regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`)
	names := make(map[string]bool)
	for _, p := range all {
		if p.APIVersion != "networking.k8s.io/v1" || p.Kind != "NetworkPolicy" || !name.MatchString(p.Metadata.Name) || names[p.Metadata.Name] {
			t.Errorf("%s %s %q", p.APIVersion, p.Kind, p.Metadata.Name)
		}
		names[p.Metadata.Name] = true
		if !label.MatchString(p.Spec.PodSelector.MatchLabels["app"]) {
			t.Errorf("label %q", p.Spec.PodSelector.MatchLabels)
		}
		size := 0
		for key, value := range p.Metadata.Annotations {
			size += len(key) + len(value)
		}
		if size > 256<<10 || len(p.Spec.PolicyTypes) == 0 {
			t.Errorf("%s: %d bytes of annotations, types %q", p.Metadata.Name, size, p.Spec.PolicyTypes)
		}
		for _, r := range append(p.Spec.Ingress, p.Spec.Egress...) {
			if len(r.From)+len(r.To) == 0 || len(r.Ports) != 1 || r.Ports[0].Protocol != "TCP" {
				t.Errorf("%s has a rule for everybody: %v", p.Metadata.Name, r)
			}
			for _, peer := range append(r.From, r.To...) {
				cidr := netip.MustParsePrefix(peer.IPBlock.CIDR)
				for _, text := range peer.IPBlock.Except {
					if except := netip.MustParsePrefix(text); except.Bits() <= cidr.Bits() || !cidr.Contains(except.Addr()) {
						t.Errorf("%s excepts %s of %s", p.Metadata.Name, except, cidr)
					}
				}
			}
		}
	}
}

// A policy that would be too large for the cluster becomes several, which add up.
func TestKubernetesSplits(t *testing.T) {
	for _, test := range []struct{ clients, want int }{{kubernetesPeers, 1}, {kubernetesPeers + 1, 2}} {
		m := crowd(t, test.clients)
		k := kubernetes{header: &m.Header, objects: names{limit: kubernetesName}, labels: names{limit: kubernetesLabel}}
		w := workloadsOf(m, permits(statementsOf(m.Flows)))[0]
		all := k.policies(&w)
		if len(all) != test.want {
			t.Errorf("%d clients have %d policies, want %d", test.clients, len(all), test.want)
		}
		checkKubernetes(t, all)
		sources := make(map[string]bool)
		for i := range all {
			peers := 0
			for _, r := range all[i].Spec.Ingress {
				peers += len(r.From)
				for _, peer := range r.From {
					sources[peer.IPBlock.CIDR] = true
				}
			}
			if peers > kubernetesPeers {
				t.Errorf("%s has %d peers", all[i].Metadata.Name, peers)
			}
		}
		if len(sources) != test.clients {
			t.Errorf("%d of %d clients are there", len(sources), test.clients)
		}
	}
}
