package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport/internal/admin"
	"sallyport/internal/config"
	"sallyport/internal/testpki"
	"sallyport/internal/watch"
)

// estate is a directory with a configuration of many certificates, each in two files.
type estate struct {
	t      testing.TB
	dir    string
	issuer *testpki.CA // of all leaves, itself issued by the trusted CA
	names  []string    // of the certificates
}

// shape is how many certificates are spread over the ports of a configuration.
type shape string

const (
	onOnePort  shape = "names" // all of them server names of a single port
	onAllPorts shape = "ports" // ten to each application, with two ports that inherit from it
)

const perApplication = 10

// newEstate writes n certificates and a configuration that has all of them in use.
func newEstate(t testing.TB, layout shape, n int) *estate {
	t.Helper()
	root := testpki.New(t)
	e := &estate{t: t, dir: t.TempDir(), issuer: root.Intermediate(t, "issuing", testpki.Options{})}
	testpki.WriteFile(t, e.path("ca.crt"), root.PEM())
	testpki.WriteFile(t, e.path("ca.crl"), root.CRL(t, time.Time{}, time.Time{}))
	testpki.WriteFile(t, e.path("policy.toml"), []byte("[[allow]]\nid = \"all\"\nowner = \"tests\"\nfrom = [\"any\"]\nto = [\"a0/named\"]\n"))
	for i := range n {
		e.names = append(e.names, fmt.Sprintf("c%d.example.com", i))
		e.rotate(i)
	}
	if layout == onOnePort {
		e.configure(n)
	} else {
		e.configure(perApplication)
	}
	return e
}

func (e *estate) path(name string) string { return filepath.Join(e.dir, name) }

// configure writes a configuration with one application for so many certificates.
func (e *estate) configure(perApplication int) {
	e.t.Helper()
	var text strings.Builder
	text.WriteString("[admin]\nlisten = \"off\"\n[policy]\nfiles = [\"policy.toml\"]\n")
	for first := 0; first < len(e.names); first += perApplication {
		own := e.names[first:min(first+perApplication, len(e.names))]
		fmt.Fprintf(&text, "[[application]]\nname = \"a%d\"\n%strusted_ca = \"ca.crt\"\ncrl = \"ca.crl\"\n", first, files(own[0]))
		text.WriteString("[application.upstream]\nprimary = \"127.0.0.1:9\"\n")
		for _, id := range []string{"inheriting", "named"} {
			fmt.Fprintf(&text, "[[application.port]]\nid = %q\nlisten = \"unix:%d-%[1]s\"\nmode = \"secure\"\nclient_auth = \"require\"\n", id, first)
		}
		for _, name := range own[1:] {
			fmt.Fprintf(&text, "[[application.port.sni]]\nnames = [%q]\n%s", name, files(name))
		}
	}
	testpki.WriteFile(e.t, e.path("config.toml"), []byte(text.String()))
}

func files(name string) string {
	return fmt.Sprintf("certificate = \"%s.crt\"\ncertificate_key = \"%[1]s.key\"\n", name)
}

// rotate gives certificate i a new key and issues it anew.
func (e *estate) rotate(i int) {
	e.t.Helper()
	e.issuer.Server(e.t, e.names[i]).Write(e.t, e.dir, e.names[i])
}

// watched is what a plan was read from.
func watched(p *plan) watch.Set {
	set := watch.Set{Files: []string{p.config.Path}}
	add := func(lists ...[]config.Located[string]) {
		for _, list := range lists {
			set.Files = append(set.Files, values(list)...)
		}
	}
	level := func(c config.Credentials) {
		add(c.Certificates, c.Keys, c.CRLs)
		if c.TrustedCA.Set {
			set.Files = append(set.Files, c.TrustedCA.Value)
		}
	}
	add(p.config.Policy.Files)
	for _, app := range p.config.Applications {
		level(app.Credentials)
		for _, port := range app.Ports {
			level(port.Credentials)
			for _, sni := range port.SNI {
				level(sni.Credentials)
			}
		}
	}
	return set
}

// estateDaemon serves an estate and follows its files.
type estateDaemon struct {
	*daemon
	t       testing.TB
	watcher *watch.Watcher
	set     watch.Set
}

// serve brings the first generation into force.
func (e *estate) serve() *estateDaemon {
	e.t.Helper()
	d := &estateDaemon{t: e.t, daemon: newDaemon(e.path("config.toml"), newLogHandler(io.Discard), nil)}
	d.watcher = watch.New(d.log, watch.Options{})
	d.reload()
	e.t.Cleanup(func() {
		d.stop()
		d.sockets.Close()
		d.serving.Wait()
		d.server.Drain(context.Background())
		d.endpoint.close()
	})
	return d
}

// reload reads everything as it does when files have changed.
func (d *estateDaemon) reload() {
	d.t.Helper()
	before := d.watcher.Snapshot(d.set)
	result := d.change(context.Background(), admin.TriggerRequest)
	if !result.OK || len(result.Warnings) > 0 {
		d.t.Fatalf("%d problems, %d warnings; the first: %.1000s", len(result.Problems), len(result.Warnings), append(result.Problems, result.Warnings...)[0])
	}
	d.set = watched(d.inForce())
	if !before.Covers(d.set) {
		before = d.watcher.Snapshot(d.set)
	}
	d.watcher.Follow(d.set, before)
}
