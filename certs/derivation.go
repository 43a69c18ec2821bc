package certs

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
)

const (
	maxIterations = 10_000_000 // PBKDF2: ten times what the most cautious tools write; a few seconds
	maxScrypt     = 1 << 22    // N*r*p: half a gigabyte of memory
)

var (
	oidPBES2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}

	errUnbearable = errors.New("its key derivation asks for an unreasonable amount of work")
)

// bearable refuses an encrypted PKCS#8 key (RFC 5958 section 3) whose parameters ask for hours of
// key derivation or for more memory than there is: the library does what the file says.
func bearable(der []byte) error {
	var outer struct {
		Algorithm struct {
			ID     asn1.ObjectIdentifier
			Params asn1.RawValue
		}
		Data []byte
	}
	if _, err := asn1.Unmarshal(der, &outer); err != nil {
		return fmt.Errorf("not an encrypted PKCS#8 key: %w", err)
	}
	if !outer.Algorithm.ID.Equal(oidPBES2) {
		return errors.New("its encryption is not PBES2, the one that is supported")
	}
	var params struct { // RFC 8018 appendix A.4
		KDF        pkix.AlgorithmIdentifier
		Encryption pkix.AlgorithmIdentifier
	}
	if _, err := asn1.Unmarshal(outer.Algorithm.Params.FullBytes, &params); err != nil {
		return fmt.Errorf("bad encryption parameters: %w", err)
	}
	numbers, err := integers(params.KDF.Parameters.FullBytes)
	if err != nil {
		return fmt.Errorf("bad key derivation parameters: %w", err)
	}
	if params.KDF.Algorithm.Equal(oidPBKDF2) { // salt, iterations, ... (appendix A.2)
		if len(numbers) == 0 || numbers[0] < 1 || numbers[0] > maxIterations {
			return errUnbearable
		}
		return nil
	}
	work := int64(1) // scrypt: salt, N, r, p, ... (RFC 7914 section 7)
	for _, n := range numbers[:min(3, len(numbers))] {
		if n < 1 || n > maxScrypt/work {
			return errUnbearable
		}
		work *= n
	}
	return nil
}

// integers returns the INTEGER fields of a SEQUENCE.
func integers(der []byte) ([]int64, error) {
	var fields []asn1.RawValue
	if _, err := asn1.Unmarshal(der, &fields); err != nil {
		return nil, err
	}
	var numbers []int64
	for _, field := range fields {
		if field.Class != asn1.ClassUniversal || field.Tag != asn1.TagInteger {
			continue
		}
		var n int64
		if _, err := asn1.Unmarshal(field.FullBytes, &n); err != nil {
			return nil, err
		}
		numbers = append(numbers, n)
	}
	return numbers, nil
}
