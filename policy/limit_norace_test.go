//go:build !race

package policy_test

// floodSources is how many sources a flood has.
const floodSources = 1_000_000
