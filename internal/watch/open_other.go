//go:build !unix

package watch

const withoutBlocking = 0
