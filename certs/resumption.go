package certs

import (
	"crypto/sha256"
	"crypto/tls"
	"sync"
	"sync/atomic"
	"time"
)

// Resumption makes TLS configurations and keeps what sessions are resumed with: ticket keys per port
// and trust, session caches per upstream. It outlives generations, so that a reload that changes
// nothing about a port costs its clients no full handshake, and one that changes whom the port trusts
// costs all of them one. The zero value is ready. It is safe for concurrent use.
type Resumption struct {
	Now func() time.Time // nil: time.Now

	mu      sync.Mutex
	tickets memo[ticketScope, *ticketKeys]
	caches  memo[cacheScope, tls.ClientSessionCache]
	fronts  memo[string, *front] // by port
}

// front is what a port serves now. A TLS connection keeps the configuration of its handshake in memory for as long as it lives.
// If the configuration held the names and certificates of its generation, a session of days would keep all of them. It holds
// the front instead, which always leads to the newest ones; so a handshake that is under way during a reload may be served
// the new certificate.
type front struct{ current atomic.Pointer[Selector] }

// certificate is tls.Config.GetCertificate.
func (f *front) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	return f.current.Load().certificate(hello)
}

// ticketScope is within what a ticket is good. A ticket carries the outcome of client
// authentication, so it must not be shown where that would have been decided otherwise.
type ticketScope struct {
	port  string
	auth  ClientAuth
	trust digest
}

// cacheScope is within what a session with a server may be resumed by a client.
type cacheScope struct {
	upstream    string
	serverName  string
	system      bool // trust is the system's roots
	trust       digest
	certificate digest
}

// Server returns a new configuration for a port. The port's name identifies it over generations: the certificates of
// the newest configuration are served by the older ones, too. A server whose ClientAuth needs a trust and
// has none refuses every client.
func (r *Resumption) Server(port string, s Server) *tls.Config {
	c := s.config(r.Now)
	c.GetCertificate = r.front(port, s.Selector()).certificate
	if !s.Tickets {
		return c
	}
	scope := ticketScope{port: port, auth: s.ClientAuth}
	if trust := s.trust(); trust != nil && s.ClientAuth != AuthNone {
		scope.trust = trust.Fingerprint
	}
	keys := r.ticketKeys(scope)
	c.SessionTicketsDisabled = false
	c.WrapSession, c.UnwrapSession = keys.wrap, keys.unwrap
	return c
}

func (r *Resumption) front(port string, current *Selector) *front {
	r.mu.Lock()
	defer r.mu.Unlock()
	f, ok := r.fronts.recall(port)
	if !ok {
		f = r.fronts.keep(port, new(front))
	}
	f.current.Store(current)
	return f
}

func (r *Resumption) ticketKeys(scope ticketScope) *ticketKeys {
	r.mu.Lock()
	defer r.mu.Unlock()
	if keys, ok := r.tickets.recall(scope); ok {
		return keys
	}
	return r.tickets.keep(scope, newTicketKeys(r.Now))
}

// Client returns a new configuration for connections to an upstream. The upstream's name identifies
// it over generations.
func (r *Resumption) Client(upstream string, c Client) *tls.Config {
	config := c.config(r.Now)
	scope := cacheScope{upstream: upstream, serverName: config.ServerName, system: c.Trust == nil}
	if c.Trust != nil {
		scope.trust = c.Trust.Fingerprint
	}
	for _, certificate := range c.Certificates {
		scope.certificate = sha256.Sum256(append(scope.certificate[:], certificate.fingerprint[:]...))
	}
	config.ClientSessionCache = r.cache(scope)
	return config
}

func (r *Resumption) cache(scope cacheScope) tls.ClientSessionCache {
	r.mu.Lock()
	defer r.mu.Unlock()
	if cache, ok := r.caches.recall(scope); ok {
		return cache
	}
	return r.caches.keep(scope, tls.NewLRUClientSessionCache(sessionCacheSize))
}

// sessionCacheSize is ample: the scope fixes the server name, which is what crypto/tls files
// sessions under.
const sessionCacheSize = 256

// Sweep forgets the ports and upstreams that no configuration was made for since the previous Sweep.
// Call it after each generation. Configurations in use keep what they have.
func (r *Resumption) Sweep() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tickets.sweep()
	r.caches.sweep()
	r.fronts.sweep()
}
