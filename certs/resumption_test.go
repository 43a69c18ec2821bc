package certs

import (
	"crypto/tls"
	"errors"
	"testing"
	"time"

	"sallyport/internal/testpki"
)

// world is a port with client authentication, and a client of it that keeps its sessions.
type world struct {
	t       *testing.T
	ca      *testpki.CA
	leaf    *testpki.Leaf // the client's
	server  Server
	r       *Resumption
	client  *tls.Config
	version uint16
	now     time.Time
}

// bothVersions runs a test with TLS 1.2, where the ticket comes inside the handshake, and 1.3, where
// it comes after.
func bothVersions(t *testing.T, test func(t *testing.T, w *world)) {
	for name, version := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) {
			w := &world{t: t, ca: testpki.New(t), version: version, now: testNow}
			w.r = &Resumption{Now: func() time.Time { return w.now }}
			w.leaf = w.ca.Client(t, "client")
			w.server = Server{Default: w.credentials(w.ca.PEM()), ClientAuth: AuthRequire, Tickets: true}
			w.client = w.ca.ClientConfig("a.example.com", w.leaf)
			w.client.MaxVersion = version
			w.client.ClientSessionCache = tls.NewLRUClientSessionCache(8)
			w.client.Time = w.r.Now
			test(t, w)
		})
	}
}

// credentials returns a new server certificate with the trust in ca and crls.
func (w *world) credentials(ca []byte, crls ...[]byte) *Credentials {
	w.t.Helper()
	b := bench{t: w.t, dir: w.t.TempDir(), ca: w.ca}
	f := b.issue(testpki.Options{Names: []string{"a.example.com", "b.example.com"}})
	f.TrustedCA = b.file("ca.crt", ca)
	for i, data := range crls {
		f.CRLs = append(f.CRLs, b.file(string(rune('a'+i))+".crl", data))
	}
	return mustLoad(w.t, f)
}

// connect makes a session on a port and reports whether it was resumed.
func (w *world) connect(port string, s Server) bool {
	w.t.Helper()
	o := shake(w.t, w.r.Server(port, s), w.client)
	if o.clientErr != nil || o.serverErr != nil {
		w.t.Fatalf("client: %v, server: %v", o.clientErr, o.serverErr)
	}
	if o.server.DidResume != o.client.DidResume || o.server.Version != w.version {
		w.t.Fatalf("the ends disagree: %v %v, version %x", o.server.DidResume, o.client.DidResume, o.server.Version)
	}
	if s.ClientAuth == AuthRequire && (len(o.server.PeerCertificates) == 0 || len(o.server.VerifiedChains) == 0) {
		w.t.Fatal("the server does not know its client")
	}
	return o.server.DidResume
}

func TestResumption(t *testing.T) {
	// Each test has made one session on the port "p" and says what a second one meets.
	for _, tt := range []struct {
		name   string
		change func(w *world) (port string, s Server)
		want   bool
	}{
		{"same generation", func(w *world) (string, Server) { return "p", w.server }, true},
		{"reload of unchanged files", func(w *world) (string, Server) {
			w.server.Default = w.credentials(w.ca.PEM())
			return "p", w.server
		}, true},
		{"other port", func(w *world) (string, Server) { return "q", w.server }, false},
		{"other CA", func(w *world) (string, Server) {
			w.server.Default = w.credentials(append(w.ca.PEM(), testpki.New(w.t).PEM()...))
			return "p", w.server
		}, false},
		{"revocation list added", func(w *world) (string, Server) {
			w.server.Default = w.credentials(w.ca.PEM(), w.ca.CRL(w.t, time.Time{}, time.Time{}))
			return "p", w.server
		}, false},
		{"other client authentication", func(w *world) (string, Server) { w.server.ClientAuth = AuthRequest; return "p", w.server }, false},
		{"no client authentication", func(w *world) (string, Server) { w.server.ClientAuth = AuthNone; return "p", w.server }, false},
		{"tickets off", func(w *world) (string, Server) { w.server.Tickets = false; return "p", w.server }, false},
		{"port forgotten", func(w *world) (string, Server) { w.r.Sweep(); w.r.Sweep(); return "p", w.server }, false},
		{"port kept over a sweep", func(w *world) (string, Server) { w.r.Sweep(); return "p", w.server }, true},
		{"keys of the day before", func(w *world) (string, Server) {
			w.now = testNow.Add(25 * time.Hour)
			return "p", w.server
		}, true},
		{"keys of the week before", func(w *world) (string, Server) {
			w.now = testNow.Add(8 * 24 * time.Hour)
			return "p", w.server
		}, false},
		{"another process", func(w *world) (string, Server) { w.r = &Resumption{Now: w.r.Now}; return "p", w.server }, false},
		{"another process that was handed the keys", func(w *world) (string, Server) {
			w.nextProcess()
			return "p", w.server
		}, true},
		{"two processes and a day later", func(w *world) (string, Server) {
			w.nextProcess()
			w.now = testNow.Add(25 * time.Hour)
			w.nextProcess()
			return "p", w.server
		}, true},
		{"another process, a week later", func(w *world) (string, Server) {
			w.nextProcess()
			w.now = testNow.Add(8 * 24 * time.Hour)
			return "p", w.server
		}, false},
		{"another process with another port", func(w *world) (string, Server) {
			w.nextProcess()
			return "q", w.server
		}, false},
		{"another process with another CA", func(w *world) (string, Server) {
			w.nextProcess()
			w.server.Default = w.credentials(append(w.ca.PEM(), testpki.New(w.t).PEM()...))
			return "p", w.server
		}, false},
		{"another process with other client authentication", func(w *world) (string, Server) {
			w.nextProcess()
			w.server.ClientAuth = AuthRequest
			return "p", w.server
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bothVersions(t, func(t *testing.T, w *world) {
				if w.connect("p", w.server) {
					t.Fatal("the first session was resumed")
				}
				port, s := tt.change(w)
				if got := w.connect(port, s); got != tt.want {
					t.Errorf("resumed: %v, want %v", got, tt.want)
				}
			})
		})
	}
}

func TestTicketsOffNeverResumes(t *testing.T) {
	bothVersions(t, func(t *testing.T, w *world) {
		w.server.Tickets = false
		for range 3 {
			if w.connect("p", w.server) {
				t.Error("resumed without tickets")
			}
		}
	})
}

// A client that shows a ticket with another server name gets a full handshake: RFC 6066 section 3.
func TestTicketIsBoundToServerName(t *testing.T) {
	bothVersions(t, func(t *testing.T, w *world) {
		w.client.ClientSessionCache = oneSession{new(*tls.ClientSessionState)}
		w.connect("p", w.server)
		w.client.ServerName = "b.example.com"
		if w.connect("p", w.server) {
			t.Error("resumed under another name")
		}
		w.client.ServerName = "B.example.com"
		if !w.connect("p", w.server) {
			t.Error("not resumed under the same name")
		}
	})
}

// oneSession is a cache that hands its one session to every server.
type oneSession struct{ session **tls.ClientSessionState }

func (c oneSession) Get(string) (*tls.ClientSessionState, bool) { return *c.session, *c.session != nil }
func (c oneSession) Put(_ string, s *tls.ClientSessionState)    { *c.session = s }

// A generation that is still in use after a reload goes on under its own rules and keys.
func TestOldGenerationKeepsItsKeys(t *testing.T) {
	bothVersions(t, func(t *testing.T, w *world) {
		old := w.r.Server("p", w.server)
		shake(t, old, w.client)
		w.server.Default = w.credentials(append(w.ca.PEM(), testpki.New(t).PEM()...))
		w.r.Server("p", w.server)
		w.r.Sweep()
		w.r.Sweep()
		if o := shake(t, old, w.client); o.serverErr != nil || !o.server.DidResume {
			t.Errorf("old generation: %v, resumed %v", o.serverErr, o.server.DidResume)
		}
	})
}

func TestRevocationOfTicketHolder(t *testing.T) {
	bothVersions(t, func(t *testing.T, w *world) {
		list := w.ca.CRL(t, time.Time{}, time.Time{}, w.ca.Client(t, "another"))
		w.server.Default = w.credentials(w.ca.PEM(), list)
		w.connect("p", w.server)
		if !w.connect("p", w.server) {
			t.Fatal("not resumed")
		}
		before := w.server.Default.Trust
		w.server.Default = w.credentials(w.ca.PEM(), w.ca.CRL(t, time.Time{}, time.Time{}, w.leaf))
		wantRevoked(t, shake(t, w.r.Server("p", w.server), w.client).serverErr)
		// Even were the keys the same, the resumed session would be refused.
		w.server.Default.Trust.Fingerprint = before.Fingerprint
		wantRevoked(t, shake(t, w.r.Server("p", w.server), w.client).serverErr)
	})
}

func wantRevoked(t *testing.T, err error) {
	t.Helper()
	var revoked interface{ Revoked() bool }
	if !errors.As(err, &revoked) || !revoked.Revoked() {
		t.Errorf("server: %v, want a revocation", err)
	}
}

// What was valid when the ticket was issued need not be when it is shown.
func TestResumedSessionIsVerifiedAnew(t *testing.T) {
	bothVersions(t, func(t *testing.T, w *world) {
		w.server.Default = w.credentials(w.ca.PEM(), w.ca.CRL(t, time.Time{}, testNow.Add(time.Hour)))
		config := w.r.Server("p", w.server)
		if o := shake(t, config, w.client); o.serverErr != nil {
			t.Fatal(o.serverErr)
		}
		if o := shake(t, config, w.client); !o.server.DidResume {
			t.Fatal("not resumed")
		}
		w.now = testNow.Add(2 * time.Hour)
		var noList interface{ Revoked() bool }
		if err := shake(t, config, w.client).serverErr; !errors.As(err, &noList) || noList.Revoked() {
			t.Errorf("server: %v, want that the list is too old to tell", err)
		}
	})
}

func TestSweepForgets(t *testing.T) {
	var r Resumption
	r.Server("p", Server{Tickets: true})
	r.Client("u", Client{ServerName: "a"})
	r.Sweep()
	r.Server("p", Server{Tickets: true})
	r.Sweep()
	if len(r.tickets.entries) != 1 || len(r.caches.entries) != 0 {
		t.Errorf("%d ports and %d upstreams are kept, want 1 and 0", len(r.tickets.entries), len(r.caches.entries))
	}
}
