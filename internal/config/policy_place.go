package config

import (
	"sallyport/internal/config/document"
	"sallyport/policy"
)

// Position returns where the policy has a table of its source, or the key called field in
// it. A key that was left out is where its table begins; the zero position stands for a
// table that no file has.
func (p *PolicyFiles) Position(section policy.Section, index int, field string) Position {
	tables := p.tables[section]
	if index < 0 || index >= len(tables) {
		return Position{}
	}
	at, _ := document.Find(tables[index], field, -1)
	return at.Pos
}
