//go:build !unix

package certs

const withoutBlocking = 0
