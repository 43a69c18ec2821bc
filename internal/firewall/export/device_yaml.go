package export

import (
	"bytes"

	"go.yaml.in/yaml/v3"
)

// encodeYAML writes a document without a mark of its beginning.
func encodeYAML(out *bytes.Buffer, content any) error {
	e := yaml.NewEncoder(out)
	e.SetIndent(2)
	if err := e.Encode(content); err != nil {
		return err
	}
	return e.Close()
}

// commented returns a file that begins with lines of comment.
func commented(lines []string) *bytes.Buffer {
	var out bytes.Buffer
	for _, line := range lines {
		out.WriteString("# " + line + "\n")
	}
	return &out
}
