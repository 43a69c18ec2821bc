package certs

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"slices"
)

// pair is a certificate file with the file of its key, which may be the same.
type pair struct {
	pool              *pool
	index             int
	certFile, keyFile string
	keyPart           Part // whose problem a bad key is
	certData, keyData []byte
}

// read returns the chain and its key. Either is nil if it is unusable, and the report says why; a
// chain without a key is good for being checked further.
func (p pair) read(r *report, pass password) ([]*x509.Certificate, crypto.Signer) {
	if isPKCS12(p.certFile) {
		return p.readPKCS12(r, pass)
	}
	chain, keys := p.parse(r, pass)
	if chain == nil {
		return nil, nil
	}
	var key crypto.Signer
	if keys != nil {
		var problem *finding
		if key, problem = p.match(chain, keys); problem != nil {
			r.add(p.keyPart, p.index, p.keyFile, problem)
			return nil, nil
		}
	}
	if problem := checkOrder(chain); problem != nil {
		r.add(PartCertificate, p.index, p.certFile, problem)
		return nil, nil
	}
	return chain, key
}

func (p pair) readPKCS12(r *report, pass password) ([]*x509.Certificate, crypto.Signer) {
	if p.certData == nil {
		return nil, nil
	}
	if p.keyPart == PartKey {
		r.add(PartKey, p.index, p.keyFile, found("remove certificate_key", "the PKCS#12 file %s holds the key already", p.certFile))
	}
	key, chain, problem := parsePKCS12(p.certData, pass)
	if problem != nil {
		r.addUnlessKnown(PartCertificate, p.index, p.certFile, problem)
		return nil, nil
	}
	if !belongs(key, chain[0]) {
		r.add(PartCertificate, p.index, p.certFile, found("", "holds a key and no certificate for it"))
		return nil, nil
	}
	return p.pool.share(chain), key
}

// parse returns what the two PEM files hold, nil for what is missing or not wholly readable.
func (p pair) parse(r *report, pass password) (chain []*x509.Certificate, keys []crypto.Signer) {
	var blocks []block
	if p.certData != nil {
		var problem *finding
		blocks, problem = parsePEM(p.certFile, p.certData)
		r.add(PartCertificate, p.index, p.certFile, problem)
	}
	if blocks != nil {
		var findings []*finding
		chain, findings = p.pool.parseChain(p.certFile, blocks)
		r.add(PartCertificate, p.index, p.certFile, findings...)
		if len(findings) > 0 {
			chain = nil
		}
	}
	if p.keyPart == PartKey && p.keyData != nil {
		var problem *finding
		blocks, problem = parsePEM(p.keyFile, p.keyData)
		r.add(PartKey, p.index, p.keyFile, problem)
	}
	if blocks == nil || p.keyData == nil || p.keyPart == PartCertificate && chain == nil {
		return chain, nil
	}
	return chain, p.keys(r, blocks, pass)
}

// keys returns the private keys among blocks, or nil unless there is one and all are usable.
func (p pair) keys(r *report, blocks []block, pass password) []crypto.Signer {
	var keys []crypto.Signer
	meant := 0
	for _, b := range blocks {
		if !isKey(b) {
			continue
		}
		meant++
		key, problem := parseKey(b, pass)
		if problem == nil {
			keys = append(keys, key)
		} else {
			r.addUnlessKnown(p.keyPart, p.index, p.keyFile, problem)
		}
	}
	switch {
	case meant > 0 && len(keys) == meant:
		return keys
	case meant > 0:
		return nil
	}
	if p.keyPart == PartKey {
		r.add(PartKey, p.index, p.keyFile, found("", "contains no private key, only %s", contents(blocks)))
	} else {
		r.add(PartCertificate, p.index, p.certFile, found("name the key's file in certificate_key", "contains no private key, and no other file is named for it"))
	}
	return nil
}

// match returns the key of the chain's first certificate.
func (p pair) match(chain []*x509.Certificate, keys []crypto.Signer) (crypto.Signer, *finding) {
	for i, c := range chain {
		at := slices.IndexFunc(keys, func(key crypto.Signer) bool { return belongs(key, c) })
		if at < 0 {
			continue
		}
		if i > 0 {
			return nil, found("put it first, then each certificate followed by the one that signed it",
				"the key belongs to certificate %d of the chain (%s), which must come first", i+1, subject(c))
		}
		return keys[at], nil
	}
	return nil, found("the two public keys must be equal: openssl x509 -noout -pubkey -in "+p.certFile+"; openssl pkey -pubout -in "+p.keyFile,
		"the key does not match the certificate of %s in %s", subject(chain[0]), p.certFile)
}

// holdsKey reports whether a PEM file has a private key in it, readable or not.
func holdsKey(data []byte) bool { return bytes.Contains(data, []byte("PRIVATE KEY-----")) }

// shadowed reports a certificate that would never be served, because an earlier one of the same
// kind of key has all its names.
func shadowed(c *Certificate, earlier []*Certificate) *finding {
	for _, other := range earlier {
		if c.kind() != other.kind() {
			continue
		}
		names := other.Names()
		if !slices.ContainsFunc(c.Names(), func(name string) bool { return !slices.Contains(names, name) }) {
			return found("remove one; several certificates of a level differ by the kind of key or by name",
				"two %s certificates for the same names; one would never be served (the other is in %s)", c.kindName(), other.File)
		}
	}
	return nil
}
