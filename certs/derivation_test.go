package certs

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"

	"sallyport/internal/testpki"
)

// A key file must not be able to hang the process or take all its memory.
func TestUnreasonableDerivation(t *testing.T) {
	const hint = " | encrypt it anew: openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 -in OLD -out NEW"
	const refused = "certificate_key[0]: a.key: the encrypted key at line 1 cannot be read: "
	scrypt := asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11591, 4, 11}
	type pbkdf2Params struct {
		Salt       []byte
		Iterations int64
		KeyLength  int `asn1:"optional"`
	}
	type scryptParams struct {
		Salt    []byte
		N, R, P int
	}
	for _, tt := range []struct {
		name   string
		scheme asn1.ObjectIdentifier
		kdf    asn1.ObjectIdentifier
		params any
		want   string
	}{
		{"PBKDF2, for ever", oidPBES2, oidPBKDF2, pbkdf2Params{nil, 1 << 40, 0}, refused + errUnbearable.Error() + hint},
		{"PBKDF2, negative", oidPBES2, oidPBKDF2, pbkdf2Params{nil, -1, 0}, refused + errUnbearable.Error() + hint},
		{"PBKDF2, fair", oidPBES2, oidPBKDF2, pbkdf2Params{nil, 1_000_000, 32}, refused + "pkcs8: unsupported cipher (OID: 1.2.3)" + hint},
		{"scrypt, all memory", oidPBES2, scrypt, scryptParams{nil, 1 << 30, 8, 1}, refused + errUnbearable.Error() + hint},
		{"scrypt, fair", oidPBES2, scrypt, scryptParams{nil, 1 << 17, 8, 1}, refused + "pkcs8: unsupported cipher (OID: 1.2.3)" + hint},
		{"PBES1", asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 10}, oidPBKDF2, pbkdf2Params{}, refused + "its encryption is not PBES2, the one that is supported" + hint},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ca := testpki.New(t)
			b := bench{t, t.TempDir(), ca, ca.Server(t, "a.example.com")}
			f := b.files(b.leaf)
			f.PasswordFile = b.file("pw", []byte("secret"))
			marshal := func(v any) asn1.RawValue {
				return asn1.RawValue{FullBytes: must[[]byte](t)(asn1.Marshal(v))}
			}
			der := must[[]byte](t)(asn1.Marshal(struct {
				Algorithm pkix.AlgorithmIdentifier
				Data      []byte
			}{pkix.AlgorithmIdentifier{Algorithm: tt.scheme, Parameters: marshal(struct {
				KDF, Encryption pkix.AlgorithmIdentifier
			}{
				pkix.AlgorithmIdentifier{Algorithm: tt.kdf, Parameters: marshal(tt.params)},
				pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 3}},
			})}, []byte("data")}))
			b.file("a.key", pemBlock("ENCRYPTED PRIVATE KEY", der))
			wantProblems(t, b.dir, f, tt.want)
		})
	}
}
