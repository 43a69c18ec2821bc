package certs

import (
	"crypto/rand"
	"crypto/tls"
	"slices"
	"strings"
	"sync"
	"time"
)

// What crypto/tls does with keys that it makes itself.
const (
	ticketKeyInUse    = 24 * time.Hour     // new tickets are encrypted with a key no older than this
	ticketKeyLifetime = 7 * 24 * time.Hour // tickets of keys older than this are no good
)

// ticketKeys encrypt the tickets of one scope.
//
// The configurations of all generations share them by calling them, not by the ways that crypto/tls
// offers: keys shared through a parent of GetConfigForClient go to whatever child the parent returns,
// and keys copied by Clone go wherever the copy goes (CVE-2025-68121). The keeper is a configuration that serves
// nobody: it only encrypts and decrypts tickets. A generation that is still in use after a reload goes on with the
// keys that it had.
//
// The keys are made and rotated here, at the pace of crypto/tls. The keys that it makes itself cannot be read, so they could
// not be handed over to the next process, and every restart would cost every client a full handshake.
type ticketKeys struct {
	clock  func() time.Time
	keeper tls.Config

	mu   sync.Mutex
	keys []TicketKey // the newest first
}

// TicketKey is a secret that tickets are encrypted with.
type TicketKey struct {
	Key  []byte    `json:"key"`
	Made time.Time `json:"made"`
}

func newTicketKeys(clock func() time.Time) *ticketKeys {
	return &ticketKeys{clock: clock, keeper: tls.Config{Time: clock}}
}

func (k *ticketKeys) now() time.Time {
	if k.clock == nil {
		return time.Now()
	}
	return k.clock()
}

// fresh returns the keeper with keys that are not too old.
func (k *ticketKeys) fresh() *tls.Config {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	if len(k.keys) > 0 && now.Sub(k.keys[0].Made) < ticketKeyInUse {
		return &k.keeper
	}
	var key [32]byte
	rand.Read(key[:]) // never fails
	k.set(now, append([]TicketKey{{Key: key[:], Made: now}}, k.keys...))
	return &k.keeper
}

// set makes the usable ones of these keys those of the keeper. The lock is held.
func (k *ticketKeys) set(now time.Time, keys []TicketKey) {
	k.keys = slices.DeleteFunc(keys, func(key TicketKey) bool {
		return len(key.Key) != 32 || now.Sub(key.Made) >= ticketKeyLifetime || key.Made.After(now)
	})
	var all [][32]byte
	for _, key := range k.keys {
		all = append(all, [32]byte(key.Key))
	}
	if len(all) > 0 {
		k.keeper.SetSessionTicketKeys(all)
	}
}

// wrap is tls.Config.WrapSession.
func (k *ticketKeys) wrap(state tls.ConnectionState, session *tls.SessionState) ([]byte, error) {
	session.Extra = append(session.Extra, nameEntry(state))
	return k.fresh().EncryptTicket(state, session)
}

// unwrap is tls.Config.UnwrapSession. A ticket that is no good is not an error: the client gets a
// full handshake. That includes one issued for another server name, which crypto/tls would
// take although RFC 6066 section 3 forbids it.
func (k *ticketKeys) unwrap(identity []byte, state tls.ConnectionState) (*tls.SessionState, error) {
	session, err := k.fresh().DecryptTicket(identity, state)
	if err != nil || session == nil {
		return nil, err
	}
	entry := string(nameEntry(state))
	if !slices.ContainsFunc(session.Extra, func(b []byte) bool { return string(b) == entry }) {
		return nil, nil
	}
	return session, nil
}

func nameEntry(state tls.ConnectionState) []byte {
	return []byte("sallyport server name " + strings.ToLower(state.ServerName))
}

// TicketKeys are the keys of one scope, on their way to another process of the same user. They are as secret as the
// sessions, past ones included, whose tickets they encrypt: they belong in no file.
type TicketKeys struct {
	Port       string      `json:"port"`
	ClientAuth string      `json:"client_auth"`
	Trust      []byte      `json:"trust,omitempty"` // its fingerprint
	Keys       []TicketKey `json:"keys"`            // the newest first
}

// TicketKeys returns the keys of all ports, for [Resumption.Adopt] in the next process.
func (r *Resumption) TicketKeys() []TicketKeys {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []TicketKeys
	for scope, entry := range r.tickets.entries {
		entry.value.mu.Lock()
		keys := slices.Clone(entry.value.keys)
		entry.value.mu.Unlock()
		if len(keys) > 0 {
			all = append(all, TicketKeys{Port: scope.port, ClientAuth: scope.auth.String(), Trust: scope.trust[:], Keys: keys})
		}
	}
	return all
}

// Adopt takes the keys of another process; they count where port, client authentication and trust are the same here. What is
// malformed is left out. Call it before the first configuration is made.
func (r *Resumption) Adopt(all []TicketKeys) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range all {
		auth, err := ParseClientAuth(t.ClientAuth)
		if err != nil || len(t.Trust) != len(digest{}) {
			continue
		}
		keys := newTicketKeys(r.Now)
		keys.set(keys.now(), slices.Clone(t.Keys))
		r.tickets.keep(ticketScope{port: t.Port, auth: auth, trust: digest(t.Trust)}, keys)
	}
}
