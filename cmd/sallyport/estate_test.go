package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport/certs"
	"sallyport/internal/admin"
	"sallyport/internal/testpki"
)

// estate is a directory with a configuration of many certificates, each in two files.
type estate struct {
	t      testing.TB
	dir    string
	root   *testpki.CA // whom clients are trusted by
	issuer *testpki.CA // of all certificates, itself issued by the root
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
	e := &estate{t: t, dir: t.TempDir(), root: root, issuer: root.Intermediate(t, "issuing", testpki.Options{})}
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
		text.WriteString("[application.upstream]\nprimary = \"builtin:echo\"\n")
		for _, id := range []string{"inheriting", "named"} {
			fmt.Fprintf(&text, "[[application.port]]\nid = %q\nlisten = \"unix:%[1]s-%[2]d\"\nmode = \"secure\"\nclient_auth = \"require\"\n", id, first)
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

// estateDaemon serves an estate.
type estateDaemon struct {
	*daemon
	t testing.TB
}

// serve brings the first generation into force.
func (e *estate) serve() *estateDaemon {
	e.t.Helper()
	d := &estateDaemon{t: e.t, daemon: newDaemon(e.path("config.toml"), newLogHandler(io.Discard), nil)}
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

// tryReload reads everything as it does when files have changed.
func (d *estateDaemon) tryReload() admin.Reload {
	return d.change(context.Background(), admin.TriggerRequest)
}

// reload reads everything, about which nothing may be wrong.
func (d *estateDaemon) reload() {
	d.t.Helper()
	result := d.tryReload()
	if !result.OK || len(result.Warnings) > 0 {
		d.t.Fatalf("%d problems, %d warnings; the first: %.1000s", len(result.Problems), len(result.Warnings), append(result.Problems, result.Warnings...)[0])
	}
}

// certificates returns all that are served, by port and then in the order of the file, the default first.
func (d *estateDaemon) certificates() [][]*certs.Certificate {
	var all [][]*certs.Certificate
	for _, port := range d.inForce().ports {
		own := []*certs.Certificate{port.server.Default.Certificates[0]}
		for _, named := range port.server.Names {
			own = append(own, named.Credentials.Certificates[0])
		}
		all = append(all, own)
	}
	return all
}
