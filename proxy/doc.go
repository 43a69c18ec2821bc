// Package proxy owns connections and moves their bytes.
//
// One connection is one session. [Server.begin] gives it its place, and [session.run] is
// the rest of its way: it reads the PROXY header, is judged on its addresses, tells TLS from
// plaintext, shakes hands, is judged on everything, dials the upstream and
// relays until both sides are done. Whatever happens, it ends in one log record.
// Nothing of the upstream is dialled or shown before the second judgement has
// said allow.
//
// The package imports only policy. Sockets, certificates and configuration
// reach it as values of a [Generation] and through the small interfaces that stand
// beside their use: [Listener], [Front], [Decider] and [Dialer].
//
// How the bytes are moved without holding memory for idle sessions is told in
// wire.go (the socket under a TLS connection) and in end.go (one side of a session).
package proxy
