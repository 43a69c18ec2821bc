package main

import (
	"crypto/tls"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"weak"

	"sallyport/certs"
	"sallyport/internal/config"
)

// TestReloadShares: certificates are the same in all generations and on all ports, but for those that changed.
func TestReloadShares(t *testing.T) {
	const n, changed = 30, 13
	e := newEstate(t, onAllPorts, n)
	d := e.serve()
	before := d.certificates()
	e.rotate(changed)
	d.reload()
	after := d.certificates()
	for i, port := range after {
		name := d.inForce().ports[i].Name()
		if i%2 == 1 && port[0] != after[i-1][0] {
			t.Errorf("%s has another copy of what it inherits than the port beside it", name)
		}
		for j, certificate := range port {
			if fresh := certificate != before[i][j]; fresh != (certificate.Leaf.DNSNames[0] == e.names[changed]) {
				t.Errorf("%s, %s: parsed anew: %t", name, certificate, fresh)
			}
			if &certificate.TLS.Certificate[1][0] != &port[0].TLS.Certificate[1][0] {
				t.Errorf("%s, %s: the intermediate is there twice", name, certificate)
			}
		}
	}
}

// TestReloadOneBroken: one broken certificate among many is told of alone, nothing changes, and once it is whole
// again the others have not been parsed.
func TestReloadOneBroken(t *testing.T) {
	const n, broken = 50, 20
	e := newEstate(t, onOnePort, n)
	d := e.serve()
	before := d.certificates()
	file := e.path(e.names[broken] + ".crt")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		result := d.tryReload()
		if result.OK || result.Generation != 1 || len(result.Problems) != 1 || !strings.Contains(result.Problems[0], file) {
			t.Fatalf("%+v", result)
		}
	}
	if err := os.WriteFile(file, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	d.reload()
	const named = 1 // the port with all the server names
	for i, certificate := range d.certificates()[named] {
		if certificate != before[named][i] && i != broken {
			t.Errorf("%s was parsed anew", certificate)
		}
	}
}

// TestReloadsDoNotGrow: after a hundred reloads, half of them failed, as much is in use as after the first few.
func TestReloadsDoNotGrow(t *testing.T) {
	const n = 200
	e := newEstate(t, onOnePort, n)
	d := e.serve()
	reload := func(i int) {
		e.rotate(i % n)
		d.reload()
		os.Remove(e.path(e.names[(i+1)%n] + ".key"))
		if d.tryReload().OK {
			t.Fatal("a reload without a key succeeded")
		}
		e.rotate((i + 1) % n)
		d.reload()
	}
	for i := range 5 {
		reload(i)
	}
	before := heapInUse()
	for i := range 50 {
		reload(i)
	}
	const tolerance = 128 << 10 // what changed amounts to three times as much
	grown := heapInUse() - before
	t.Logf("%d KiB in use, and %d KiB more after 150 reloads", before>>10, grown>>10)
	if grown > tolerance {
		t.Error("that is a leak")
	}
	runtime.KeepAlive(d)
}

// TestOldGenerationIsFreed: an old generation goes although there are sessions that began with it.
func TestOldGenerationIsFreed(t *testing.T) {
	for _, session := range []bool{false, true} {
		t.Run(map[bool]string{false: "no session", true: "a session outlives it"}[session], func(t *testing.T) {
			e := newEstate(t, onOnePort, 3)
			d := e.serve()
			first := remember(d.inForce())
			if session {
				defer e.connect()()
			}
			for range 3 {
				for i := range e.names {
					e.rotate(i)
				}
				touch(t, e.path("config.toml"))
				d.reload()
			}
			eventually(t, "the first generation is gone", func() bool { runtime.GC(); return len(first.left()) == 0 })
			if session && d.server.Sessions() != 1 {
				t.Error("the session is gone, too")
			}
			runtime.KeepAlive(d)
		})
	}
}

// remains are the parts of a generation that reach its others.
type remains struct {
	plan         weak.Pointer[plan]
	config       weak.Pointer[config.Config]
	application  weak.Pointer[config.Application]
	certificates []weak.Pointer[certs.Certificate]
}

func remember(p *plan) remains {
	r := remains{plan: weak.Make(p), config: weak.Make(p.config), application: weak.Make(&p.config.Applications[0])}
	for _, named := range p.ports[1].server.Names {
		r.certificates = append(r.certificates, weak.Make(named.Credentials.Certificates[0]))
	}
	return r
}

// left names what is still in memory.
func (r remains) left() (names []string) {
	runtime.GC()
	for name, there := range map[string]bool{
		"plan": r.plan.Value() != nil, "config": r.config.Value() != nil, "application": r.application.Value() != nil,
	} {
		if there {
			names = append(names, name)
		}
	}
	for _, c := range r.certificates {
		if c := c.Value(); c != nil {
			names = append(names, c.String())
		}
	}
	return names
}

// connect begins a session and returns how to end it.
func (e *estate) connect() (end func()) {
	e.t.Helper()
	conn, err := tls.Dial("unix", e.path("named-0"), e.root.ClientConfig(e.names[1], e.root.Client(e.t, "client")))
	if err != nil {
		e.t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "x"); err != nil {
		e.t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		e.t.Fatal(err)
	}
	return func() { conn.Close() }
}

// touch changes a file's content and not what it says.
func touch(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.WriteString(f, "# \n"); err != nil {
		t.Fatal(err)
	}
}
