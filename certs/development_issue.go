package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	devCAName    = "sallyport development CA " // and a random part
	devCAYears   = 10
	devLeafDays  = 397 // the most that clients accept of public servers
	devClockSlip = time.Hour
)

// leaf is a certificate that the development CA is to have issued.
type leaf struct {
	name    string // of its files
	subject string
	dns     []string
	ips     []net.IP
	usage   x509.ExtKeyUsage
}

// accepts reports whether an existing certificate will do.
func (l leaf) accepts(c, ca *x509.Certificate, now time.Time) bool {
	return c.CheckSignatureFrom(ca) == nil &&
		!now.Before(c.NotBefore) && c.NotAfter.Sub(now) >= expirySoon &&
		slices.Equal(c.DNSNames, l.dns) &&
		slices.EqualFunc(c.IPAddresses, l.ips, net.IP.Equal)
}

func (l leaf) template(ca *x509.Certificate, now time.Time) *x509.Certificate {
	end := now.AddDate(0, 0, devLeafDays)
	if end.After(ca.NotAfter) {
		end = ca.NotAfter
	}
	return &x509.Certificate{
		Subject:               pkix.Name{CommonName: l.subject[:min(len(l.subject), 64)]},
		NotBefore:             now.Add(-devClockSlip),
		NotAfter:              end,
		DNSNames:              l.dns,
		IPAddresses:           l.ips,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{l.usage},
		BasicConstraintsValid: true,
	}
}

func authorityTemplate(now time.Time) *x509.Certificate {
	return &x509.Certificate{
		// Each CA has its own name: a client that trusts two of them must be able to tell them apart.
		Subject:               pkix.Name{CommonName: devCAName + rand.Text()[:8]},
		NotBefore:             now.Add(-devClockSlip),
		NotAfter:              now.AddDate(devCAYears, 0, 0),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		IsCA:                  true,
		MaxPathLenZero:        true, // it issues no further CA
		BasicConstraintsValid: true,
	}
}

// hostNames sorts the names of a host into DNS names and addresses, without duplicates, and adds
// those of the local machine.
func hostNames(names []string) (dns []string, ips []net.IP, err error) {
	for _, name := range append(slices.Clone(names), "localhost", "127.0.0.1", "::1") {
		name = strings.ToLower(strings.TrimSuffix(name, "."))
		if name == "" {
			continue
		}
		if addr, err := netip.ParseAddr(name); err == nil {
			ip := net.IP(addr.Unmap().WithZone("").AsSlice())
			if !slices.ContainsFunc(ips, ip.Equal) {
				ips = append(ips, ip)
			}
			continue
		}
		if !IsHostName(name) {
			return nil, nil, fmt.Errorf("development certificate: %q is neither a DNS name nor an address", cut(name))
		}
		if !slices.Contains(dns, name) {
			dns = append(dns, name)
		}
	}
	return dns, ips, nil
}

// IsHostName reports whether a development certificate can have this name.
func IsHostName(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.*"
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return name != "" && len(name) <= 253 && strings.Trim(name, letters) == ""
}

// issue signs a certificate and writes it.
func (d devDir) issue(name string, template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer, created *[]string) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, fmt.Errorf("issue %s: %w", d.certificate(name), err)
	}
	if err := d.write(d.certificate(name), &pem.Block{Type: "CERTIFICATE", Bytes: der}, 0o644, created); err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// newKey makes a key and writes it.
func (d devDir) newKey(name string, created *[]string) (crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make %s: %w", d.key(name), err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("make %s: %w", d.key(name), err)
	}
	return key, d.write(d.key(name), &pem.Block{Type: "PRIVATE KEY", Bytes: der}, 0o600, created)
}

// write puts a file into place whole or not at all.
func (d devDir) write(path string, b *pem.Block, mode os.FileMode, created *[]string) error {
	temp, err := os.CreateTemp(string(d), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(temp.Name()) // does nothing after the rename
	_, err = temp.Write(pem.EncodeToMemory(b))
	if err == nil && mode != 0o600 {
		err = temp.Chmod(mode)
	}
	if err == nil {
		err = temp.Sync() // or a power cut leaves an empty file under the new name
	}
	if closed := temp.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	*created = append(*created, path)
	return nil
}
