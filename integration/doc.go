// Package integration drives the real binary with the real programs that its users have: clients, servers, load
// balancers. Everything in it is a test behind the build tag "integration"; [sallyport/integration/suite] is the
// program behind `make test`.
//
// Most tests are of one host. A rig is a network of several, made of namespaces: a client's, a firewall and two servers'.
//
// A test starts what it needs on loopback ports below the ephemeral range, in a directory of its own, as an
// unprivileged user where the program demands one, waits for conditions with a deadline, and stops exactly the
// processes that it started. A program that is not installed makes its tests skip; the suite names them at its end.
package integration
