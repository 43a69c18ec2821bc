// Package admin is the way to talk to a running sallyport: an HTTP server on loopback or a
// UNIX socket, and the client that the command line uses.
//
//	GET  /healthz        200 while the process runs
//	GET  /readyz         200 while it takes new sessions, 503 otherwise
//	GET  /metrics        metrics in the formats of Prometheus
//	GET  /api/v1/status  [Status] as JSON
//	POST /api/v1/reload  reads everything anew; answers when it is done, with a [Reload],
//	                     or with ?wait=false at once
//	GET  /api/v1/lockouts
//	                     [Lockouts] as JSON, one lock a line; ?limit=N shows the first N
//	POST /api/v1/unlock?address=ADDRESS
//	                     ends the locks that overlap with an address or prefix; answers with
//	                     [Unlocked], 404 if there were none, 400 if it is malformed
//	POST /api/v1/failover?upstream=NAME
//	POST /api/v1/failback?upstream=NAME
//	                     make the other endpoint, or the primary, of a redundant upstream the one
//	                     in use; 404 if there is none of the name, 409 with the reason if it cannot be
//
// Reading needs no credentials: whoever reaches loopback may look. Changing anything over TCP
// takes the token of the state directory, because every local user and every web page in
// a browser on this host can reach a loopback port; a UNIX socket is guarded by its file mode.
package admin
