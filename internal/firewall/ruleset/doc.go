// Package ruleset reads what a firewall has, as nft -j list ruleset or iptables-save print it, and answers what becomes of new
// TCP connections.
//
// The answer for a destination is three regions of sources: what passes for certain, what is denied for certain, and what
// cannot be told, because it depends on something that nobody knows beforehand (a mark, an interface, another program). It is
// found by walking through the rules with the region of all sources at once. Where a condition cannot be told, the walk goes both
// ways; a source that can only arrive at one end has a certain answer.
//
// The package opens nothing and starts nothing.
package ruleset
