// Package certs turns files into TLS configurations.
//
// A [Loader] reads one level's [Files] into [Credentials] and names everything that is wrong with
// them at once. A [Server] says what one port serves, a [Client] what one upstream is asked for, and
// [Resumption] makes a [crypto/tls.Config] of either; it is what outlives a reload, because tickets
// and cached sessions live in it. Which level's files count for a port is the caller's business.
//
// Everything but Loader and Resumption is immutable once made and safe for concurrent use.
package certs
