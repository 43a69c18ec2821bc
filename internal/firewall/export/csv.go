package export

import (
	"errors"
	"io"

	"sallyport/internal/firewall"
)

func writeCSV(*firewall.Matrix, Options) (*Artefact, error) {
	return nil, errors.New("comes with a later commit")
}

// ReadCSV reads flows that an export has written as csv. Errors name the file, line and column.
func ReadCSV(name string, r io.Reader) ([]firewall.Flow, error) {
	return nil, errors.New("comes with a later commit")
}
