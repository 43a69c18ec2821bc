package export

import (
	"bytes"
	"encoding/json"
	"slices"

	"sallyport/internal/firewall"
)

// colophon is what an artefact in JSON, which has no comments, says of itself.
type colophon struct {
	Header []string `json:"header"`
	Weaker []string `json:"weaker,omitempty"`
}

func colophonOf(m *firewall.Matrix, notes []string, losses []Loss) colophon {
	return colophon{slices.Concat(head(m), notes), lossLines(losses)}
}

// jsonFile returns a file for people to read.
func jsonFile(name string, content any) (File, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(content)
	return File{Name: name, Data: out.Bytes()}, err
}
