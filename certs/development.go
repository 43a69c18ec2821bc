package certs

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Names of the files of the development CA.
const (
	devCA     = "dev-ca"
	devHost   = "host"
	devClient = "client"
)

// DevelopmentFiles returns the host certificate of the development CA in dir, and whether all its
// files are there. It creates nothing and looks at no content.
func DevelopmentFiles(dir string) (Files, bool) {
	d := devDir(dir)
	f := Files{
		Certificates: []string{d.certificate(devHost)},
		Keys:         []string{d.key(devHost)},
		TrustedCA:    d.certificate(devCA),
	}
	return f, exists(f.Certificates[0]) && exists(f.Keys[0]) && exists(f.TrustedCA)
}

// Development makes sure that dir holds a development CA, a host certificate of it for these names
// and for localhost, and a client certificate to try mutual TLS with. It returns the host
// certificate's files, and the paths of all files that it wrote.
//
// It never replaces a CA or a key. Certificates are issued again when they are about to expire or
// when the names changed. Processes that start at once agree on one CA.
func Development(dir string, names []string, now time.Time) (Files, []string, error) {
	files, _ := DevelopmentFiles(dir)
	dns, ips, err := hostNames(names)
	if err != nil {
		return files, nil, err
	}
	d := devDir(dir)
	leaves := devLeaves(dns, ips)
	// Without the lock first: where everything is in place, a directory that is read-only will do.
	if complete, err := d.complete(leaves, now); err != nil || complete {
		return files, nil, err
	}
	created, err := d.create(leaves, now)
	return files, created, err
}

func devLeaves(dns []string, ips []net.IP) []leaf {
	return []leaf{
		{name: devHost, subject: dns[0], dns: dns, ips: ips, usage: x509.ExtKeyUsageServerAuth},
		{name: devClient, subject: "sallyport development client", usage: x509.ExtKeyUsageClientAuth},
	}
}

// CheckDevelopment reports what would keep Development from doing its work, without writing anything.
func CheckDevelopment(dir string, names []string, now time.Time) error {
	dns, ips, err := hostNames(names)
	if err != nil {
		return err
	}
	d := devDir(dir)
	complete, err := d.complete(devLeaves(dns, ips), now)
	if err != nil || complete {
		return err
	}
	return creatable(dir)
}

// creatable reports why nothing could be made in dir, which may not exist yet.
func creatable(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && filepath.Dir(dir) != dir:
		return creatable(filepath.Dir(dir))
	case err != nil:
		return fmt.Errorf("development CA: %w", err)
	case !info.IsDir():
		return fmt.Errorf("development CA: %s is not a directory", dir)
	case !writable(dir):
		if abs, err := filepath.Abs(dir); err == nil {
			dir = abs
		}
		return fmt.Errorf("development CA: nothing can be written into %s", dir)
	default:
		return nil
	}
}

// devDir is a development CA's directory.
type devDir string

func (d devDir) certificate(name string) string { return filepath.Join(string(d), name+".crt") }
func (d devDir) key(name string) string         { return filepath.Join(string(d), name+".key") }

// complete reports whether everything is there and good.
func (d devDir) complete(leaves []leaf, now time.Time) (bool, error) {
	ca, key, err := d.load(devCA)
	if err != nil || ca == nil || key == nil {
		return false, err
	}
	for _, l := range leaves {
		cert, key, err := d.load(l.name)
		if err != nil || cert == nil || key == nil || !l.accepts(cert, ca, now) {
			return false, err
		}
	}
	return true, nil
}

// create makes what is missing, and returns the paths of what it wrote.
func (d devDir) create(leaves []leaf, now time.Time) (created []string, err error) {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return nil, fmt.Errorf("development CA: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(string(d), ".dev-ca.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("development CA: %w", err)
	}
	defer lock.Close()
	if err := lockFile(lock); err != nil {
		return nil, fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	ca, caKey, err := d.authority(now, &created)
	if err != nil {
		return created, err
	}
	for _, l := range leaves {
		if err := d.renew(l, ca, caKey, now, &created); err != nil {
			return created, err
		}
	}
	return created, nil
}

// authority returns the CA, made if there is none. A key without a certificate is what a crash
// between the two leaves behind; the certificate is made then.
func (d devDir) authority(now time.Time, created *[]string) (*x509.Certificate, crypto.Signer, error) {
	ca, key, err := d.load(devCA)
	if err != nil {
		return nil, nil, err
	}
	if ca != nil {
		switch {
		case key == nil:
			return nil, nil, fmt.Errorf("%s is missing, and certificates cannot be issued without it: restore it, or remove %s too to begin anew",
				d.key(devCA), d.certificate(devCA))
		case now.After(ca.NotAfter):
			return nil, nil, fmt.Errorf("%s expired on %s: remove it and %s to begin anew",
				d.certificate(devCA), moment(ca.NotAfter), d.key(devCA))
		case !ca.IsCA:
			return nil, nil, fmt.Errorf("%s is not a CA certificate", d.certificate(devCA))
		}
		return ca, key, nil
	}
	if key == nil {
		if key, err = d.newKey(devCA, created); err != nil {
			return nil, nil, err
		}
	}
	template := authorityTemplate(now)
	ca, err = d.issue(devCA, template, template, key.Public(), key, created)
	return ca, key, err
}

// renew issues a leaf unless the one that is there is good. It keeps an existing key: a reader never
// sees a key beside another key's certificate.
func (d devDir) renew(l leaf, ca *x509.Certificate, caKey crypto.Signer, now time.Time, created *[]string) error {
	cert, key, err := d.load(l.name)
	if err != nil {
		return err
	}
	if cert != nil && key != nil && l.accepts(cert, ca, now) {
		return nil
	}
	if key == nil {
		if key, err = d.newKey(l.name, created); err != nil {
			return err
		}
	}
	_, err = d.issue(l.name, l.template(ca, now), ca, key.Public(), caKey, created)
	return err
}

// load returns a certificate with its key, either nil if its file does not exist.
func (d devDir) load(name string) (*x509.Certificate, crypto.Signer, error) {
	cert, err := loadPEM(d.certificate(name), func(path string, blocks []block) (*x509.Certificate, *finding) {
		chain, findings := new(pool).parseChain(path, blocks)
		if len(findings) > 0 {
			return nil, findings[0]
		}
		return chain[0], nil
	})
	if err != nil {
		return nil, nil, err
	}
	key, err := loadPEM(d.key(name), func(path string, blocks []block) (crypto.Signer, *finding) {
		if !isKey(blocks[0]) {
			return nil, found("", "contains no private key, only %s", contents(blocks))
		}
		return parseKey(blocks[0], password{})
	})
	if err != nil {
		return nil, nil, err
	}
	if cert != nil && key != nil && !belongs(key, cert) {
		return nil, nil, fmt.Errorf("%s does not match %s: restore the pair, or remove both to have them made anew",
			d.key(name), d.certificate(name))
	}
	if cert != nil && !strings.HasPrefix(cert.Issuer.CommonName, devCAName) {
		return nil, nil, fmt.Errorf("%s is not a certificate of a development CA: move it with its key elsewhere and name them in the configuration",
			d.certificate(name))
	}
	return cert, key, nil
}

// loadPEM returns what a file holds, and nothing if it does not exist.
func loadPEM[T any](path string, parse func(string, []block) (T, *finding)) (value T, err error) {
	data, _, f := readFile(path, maxFile)
	if f != nil && errors.Is(f.err, fs.ErrNotExist) {
		return value, nil
	}
	var blocks []block
	if f == nil {
		blocks, f = parsePEM(path, data)
	}
	if f == nil {
		value, f = parse(path, blocks)
	}
	if f != nil && (errors.Is(f.err, fs.ErrPermission) || errors.Is(f.err, syscall.ENOTDIR)) {
		return value, fmt.Errorf("%s: %w", path, f.err) // not the content's fault
	}
	if f != nil {
		return value, fmt.Errorf("%s: %w: repair it, or remove it with its other half to have both made anew", path, f.err)
	}
	return value, nil
}
