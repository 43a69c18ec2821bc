//go:build !unix

package config

const withoutBlocking = 0
