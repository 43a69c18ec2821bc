//go:build race

package policy_test

// floodSources is how many sources a flood has: fewer here, where every one takes 30 times as long.
const floodSources = 100_000
