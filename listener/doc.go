// Package listener owns everything between a socket and TLS: it opens the
// sockets, accepts, reads the PROXY header where a port demands one, and tells TLS
// from plaintext by the first bytes.
//
// A [Set] holds the sockets that are open now and changes them as a whole: a
// [Stage] opens what is new, and its Commit closes what went, so that a socket
// which stays is never closed, and one that goes still yields who had connected.
// A [Front] looks at one accepted connection:
//
//	conn, origin, err := front.Origin(conn)    // who connects
//	conn, isTLS, err := front.Detect(conn)     // what they speak
//
// Nothing the session needs is consumed. Bytes that had to be read to be looked
// at come back in front of the connection as a [Prefixed]; a connection that
// nobody looked at stays the bare socket.
//
// Why a connection is refused is a [policy.Refusal] with its reason code. The
// package imports no sibling but policy.
package listener
