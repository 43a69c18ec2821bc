package export

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// aerleonPolicy is a policy file of aerleon.
type aerleonPolicy struct {
	Filters []aerleonFilter `yaml:"filters"`
}

type aerleonFilter struct {
	Header struct {
		Comment string            `yaml:"comment"`
		Targets map[string]string `yaml:"targets"`
	} `yaml:"header"`
	Terms []aerleonInclude `yaml:"terms"`
}

type aerleonInclude struct {
	Path string `yaml:"include"`
}

// aerleonTerm is a term of a file with terms for filters to include.
type aerleonTerm struct {
	Name        string `yaml:"name"`
	Comment     string `yaml:"comment"`
	Owner       string `yaml:"owner,omitempty"`
	Expiration  string `yaml:"expiration,omitempty"`
	Family      string `yaml:"restrict-address-family"`
	Source      string `yaml:"source-address"`
	SourcePort  string `yaml:"source-port,omitempty"`
	Destination string `yaml:"destination-address"`
	Port        string `yaml:"destination-port"`
	Protocol    string `yaml:"protocol"`
	Action      string `yaml:"action"`
}

// aerleonDefinitions is a file of names for addresses and ports.
type aerleonDefinitions struct {
	Networks map[string]aerleonNetwork   `yaml:"networks"`
	Services map[string][]aerleonService `yaml:"services"`
}

type aerleonNetwork struct {
	Values []aerleonAddress `yaml:"values"`
}

type aerleonAddress struct {
	Address string `yaml:"address"`
	Comment string `yaml:"comment,omitempty"`
}

type aerleonService struct {
	Port     string `yaml:"port"`
	Protocol string `yaml:"protocol"`
	Comment  string `yaml:"comment,omitempty"`
}

// aerleonChunk is how many items are encoded together. The encoder keeps what a document consists of until it is complete,
// which for all terms of a large policy would be gigabytes.
const aerleonChunk = 100

// termsFile returns a file with terms.
func termsFile(name string, title []string, terms []aerleonTerm) (File, error) {
	out := commented(title)
	out.WriteString("terms:\n")
	for chunk := range slices.Chunk(terms, aerleonChunk) {
		if err := encodeYAML(out, chunk); err != nil {
			return File{}, err
		}
	}
	return File{Name: name, Data: out.Bytes()}, nil
}

// definitionsFile returns a file with networks and services.
func definitionsFile(name string, title []string, d *aerleonDefinitions) (File, error) {
	out := commented(title)
	if err := encodeSection(out, "networks", d.Networks); err != nil {
		return File{}, err
	}
	if err := encodeSection(out, "services", d.Services); err != nil {
		return File{}, err
	}
	return File{Name: name, Data: out.Bytes()}, nil
}

// encodeSection writes a mapping by its name, in the order of its keys.
func encodeSection[T any](out *bytes.Buffer, name string, section map[string]T) error {
	fmt.Fprintf(out, "%s:\n", name)
	for keys := range slices.Chunk(slices.Sorted(maps.Keys(section)), aerleonChunk) {
		chunk := make(map[string]T, len(keys))
		for _, key := range keys {
			chunk[key] = section[key]
		}
		var part bytes.Buffer
		if err := encodeYAML(&part, chunk); err != nil {
			return err
		}
		for line := range strings.Lines(part.String()) {
			out.WriteString("  " + line)
		}
	}
	return nil
}
