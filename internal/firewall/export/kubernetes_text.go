package export

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// weakerText returns what the policies of a workload do not hold, for an annotation: comments do not reach the cluster.
func weakerText(w *workload) string {
	losses := slices.Concat(lostPorts(w.policy), lostDays(w.policy))
	text := strings.Join(lossLines(losses), "\n")
	if len(text) > kubernetesNotes {
		return fmt.Sprintf("%d restrictions of the policy are lost: the comments of the file name them", len(losses))
	}
	return text
}

// encode writes a policy with a comment above each rule.
func (p *networkPolicy) encode(out *bytes.Buffer) error {
	var node yaml.Node
	if err := node.Encode(p); err != nil {
		return err
	}
	spec := member(&node, "spec")
	comment(member(spec, "ingress"), p.ingress)
	comment(member(spec, "egress"), p.egress)
	return encodeYAML(out, &node)
}

// member returns the value of a key, nil if there is none.
func member(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// comment puts comments above the items of a list.
func comment(list *yaml.Node, comments []string) {
	for i, text := range comments {
		lines := strings.Split(text, "\n")
		for j := range lines {
			lines[j] = "# " + lines[j]
		}
		list.Content[i].HeadComment = strings.Join(lines, "\n")
	}
}
