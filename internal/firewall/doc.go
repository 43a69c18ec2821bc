// Package firewall turns a policy into what firewalls have to let pass.
//
// A [Matrix] is the whole of it: the flows, each of which a rule of the policy or a client-side port definition stands for,
// and the guards, the destinations to which nothing else may pass. It is for one [Position], because the same connection
// comes in at its server and goes out at its client. Package export writes a matrix for devices and for people, package
// ruleset reads what a device has, and both speak of sources as a [Region].
//
// The package opens nothing and resolves no names: the [Input] has everything.
package firewall
