package certs

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"

	"github.com/youmark/pkcs8"
)

const minRSABits = 2048

// password is the content of a level's password file.
type password struct {
	named   bool // the level names a password file
	unknown bool // ... which could not be read; that was reported, so nothing else is
	text    string
}

var errPasswordUnknown = errors.New("the password file could not be read")

// isKey reports whether a PEM block is meant to be a private key.
func isKey(b block) bool { return strings.HasSuffix(b.Type, "PRIVATE KEY") }

// parseKey returns the private key of a PEM block: PKCS#1, SEC 1 or PKCS#8, encrypted or not.
func parseKey(b block, pass password) (crypto.Signer, *finding) {
	if b.Type == "OPENSSH PRIVATE KEY" {
		return nil, found("ssh-keygen -p -m PEM -f FILE", "the key at line %d is in OpenSSH's own format; PEM is needed", b.line)
	}
	//lint:ignore SA1019 RFC 1423 encryption is weak, but key files that users already have are encrypted with it
	legacy := x509.IsEncryptedPEMBlock(b.Block)
	if !legacy && b.Type != "ENCRYPTED PRIVATE KEY" {
		key, err := parseKeyDER(b.Bytes)
		if err != nil {
			return nil, found("", "the key at line %d cannot be read: %w", b.line, err)
		}
		return usableKey(key)
	}
	switch {
	case pass.unknown:
		return nil, &finding{err: errPasswordUnknown}
	case !pass.named:
		return nil, found("name the file that holds its password in certificate_password_file", "the key at line %d is encrypted and there is no password", b.line)
	}
	key, err := decrypt(b.Block, legacy, pass.text)
	if err != nil {
		hint := "encrypt it anew: openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 -in OLD -out NEW"
		if errors.Is(err, errPassword) {
			hint = "is the password the first line of certificate_password_file?"
		}
		return nil, found(hint, "the encrypted key at line %d cannot be read: %w", b.line, err)
	}
	return usableKey(key)
}

var errPassword = errors.New("wrong password, or the block is damaged")

func decrypt(b *pem.Block, legacy bool, pass string) (key any, err error) {
	if legacy {
		//lint:ignore SA1019 see parseKey
		der, err := x509.DecryptPEMBlock(b, []byte(pass))
		if errors.Is(err, x509.IncorrectPasswordError) {
			return nil, errPassword
		}
		if err != nil {
			return nil, err
		}
		// One wrong password in 256 ends in valid padding and then in nonsense.
		if key, err = parseKeyDER(der); err != nil {
			return nil, errPassword
		}
		return key, nil
	}
	if err := bearable(b.Bytes); err != nil {
		return nil, err
	}
	// The library hands lengths from the file to crypto/cipher, which panics on wrong ones.
	defer func() {
		if recover() != nil {
			key, err = nil, errors.New("the block is damaged")
		}
	}()
	key, err = pkcs8.ParsePKCS8PrivateKey(b.Bytes, []byte(pass))
	if err != nil && strings.Contains(err.Error(), "incorrect password") {
		return nil, errPassword
	}
	return key, err
}

func parseKeyDER(der []byte) (any, error) {
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errors.New("neither PKCS#1 nor SEC 1 nor PKCS#8")
	}
	return key, nil
}

// usableKey refuses keys that no current client accepts.
func usableKey(key any) (crypto.Signer, *finding) {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if bits := k.N.BitLen(); bits < minRSABits {
			return nil, found("make a new key, ECDSA P-256 or RSA 2048", "the RSA key has %d bits; at least %d are needed", bits, minRSABits)
		}
		return k, nil
	case *ecdsa.PrivateKey:
		switch k.Curve {
		case elliptic.P256(), elliptic.P384(), elliptic.P521():
			return k, nil
		}
		return nil, found("make a new key on P-256", "the ECDSA key is on the curve %s, which TLS clients do not accept", k.Curve.Params().Name)
	case ed25519.PrivateKey:
		return k, nil
	}
	return nil, found("", "a key of type %T cannot sign TLS handshakes", key)
}

// belongs reports whether key is the private half of cert's public key.
func belongs(key crypto.Signer, cert *x509.Certificate) bool {
	public, ok := cert.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(key.Public())
}

// readPassword returns a password file's first line.
func readPassword(path string) (password, []*finding) {
	if path == "" {
		return password{}, nil
	}
	data, mode, f := readFile(path, maxFile)
	if f != nil {
		return password{named: true, unknown: true}, []*finding{f}
	}
	line, _, _ := bytes.Cut(bytes.TrimPrefix(data, utf8BOM), []byte("\n"))
	text := string(bytes.TrimSuffix(line, []byte("\r")))
	return password{named: true, text: text}, []*finding{exposed(path, mode)}
}
