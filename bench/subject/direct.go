package subject

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"sallyport/bench/backend"
	"sallyport/bench/report"
)

// Direct is no proxy at all: crypto/tls in front of the backend's protocol, in one process. What it needs, any proxy made with crypto/tls
// needs too, so it is a line to hold others against.
type Direct struct {
	Path string // the program that calls ServeDirect
	Role string // its argument that has it do so; the file follows
}

// directOrder is what ServeDirect is told in a file.
type directOrder struct {
	Address string
	Server  *Pair  // nil: plaintext
	CA      string // of clients; empty: they need no certificate
}

func (Direct) Name() string { return report.Direct }

// Version is that of the Go release that the program was built with.
func (Direct) Version(context.Context) (string, error) {
	return "crypto/tls of " + runtime.Version(), nil
}

func (Direct) Can(t Task) string {
	if why := t.special(); why != "" {
		return why
	}
	switch {
	case t.AccessLog:
		return "writes no record of sessions"
	case t.Reload:
		return "has nothing to reload"
	}
	return ""
}

func (d Direct) prepare(place Place, task Task) (command, error) {
	address, err := freeAddress()
	if err != nil {
		return command{}, err
	}
	order := directOrder{Address: address}
	if task.Mode != Plaintext {
		pair := place.Keys.server(task)
		order.Server = &pair
	}
	if task.ClientAuth {
		order.CA = place.Keys.CA
	}
	text, err := json.Marshal(order)
	if err != nil {
		return command{}, err
	}
	file := filepath.Join(place.Dir, "direct.json")
	return command{
		path:    d.Path,
		args:    []string{d.Role, file},
		env:     []string{"GOMAXPROCS=" + strconv.Itoa(task.Workers())},
		address: address,
	}, os.WriteFile(file, text, 0o644)
}

// ServeDirect is what the process of a [Direct] does. It returns only with an error.
func ServeDirect(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var order directOrder
	if err := json.Unmarshal(text, &order); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	l, err := order.listen()
	if err != nil {
		return err
	}
	backend.Serve(l, func(err error) { fmt.Fprintln(os.Stderr, err) })
	return fmt.Errorf("%s: no more connections", order.Address)
}

func (o directOrder) listen() (net.Listener, error) {
	l, err := net.Listen("tcp", o.Address)
	if err != nil || o.Server == nil {
		return l, err
	}
	pair, err := tls.LoadX509KeyPair(o.Server.Certificate, o.Server.Key)
	if err != nil {
		return nil, err
	}
	// No more than TLS 1.3 asks for: which group and cipher it is, clients decide.
	config := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13, DynamicRecordSizingDisabled: true}
	if o.CA != "" {
		pem, err := os.ReadFile(o.CA)
		if err != nil {
			return nil, err
		}
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		if !config.ClientCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca %s: no certificate in it", o.CA)
		}
	}
	return tls.NewListener(l, config), nil
}
