package proxy

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"strings"

	"sallyport/policy"
)

// shakeHands runs a handshake over w, on another goroutine: the deep stack that a
// handshake needs must not stay with an idle session (see [crew]). The
// wire's deadline covers the whole handshake, not each read.
func shakeHands(w *wire, conn *tls.Conn) error {
	if err := w.SetDeadline(w.deadline); err != nil {
		return err
	}
	done := make(chan error, 1)
	w.lane.handshake(func() {
		defer func() {
			if p := recover(); p != nil {
				done <- &panicked{p, debug.Stack()}
			}
		}()
		done <- conn.Handshake()
	})
	err := <-done
	w.handshakeOver()
	switch {
	case err != nil && w.alert != nil:
		return w.alert
	case errors.Is(err, os.ErrDeadlineExceeded) && w.queued > w.budget/2:
		return errBusy // it waited for us more than we for it
	case err != nil:
		return err
	default:
		return w.SetDeadline(noDeadline)
	}
}

// panicked is a panic that was caught: one hostile connection must not end the others.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v\n%s", p.value, p.stack) }

// verifiedLeaf returns the client certificate that was verified, or nil.
func verifiedLeaf(state *tls.ConnectionState) *x509.Certificate {
	if len(state.VerifiedChains) == 0 || len(state.PeerCertificates) == 0 {
		return nil
	}
	return state.PeerCertificates[0]
}

// refusedHandshake gives a failed handshake with a client its reason code.
func refusedHandshake(err error) error {
	return policy.Refuse(handshakeReason(err), err)
}

func handshakeReason(err error) policy.Reason {
	if p, ok := errors.AsType[*panicked](err); ok && p != nil {
		return policy.InternalError
	}
	if header, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return notTLS(header)
	}
	if reason, ok := certificateReason(err); ok {
		return reason
	}
	switch {
	case errors.Is(err, errBusy):
		return policy.HandshakeBusy
	case errors.Is(err, os.ErrDeadlineExceeded):
		return policy.HandshakeTimeout
	case err == io.EOF, errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, errnoReset),
		errors.Is(err, errnoPipe), errors.Is(err, net.ErrClosed):
		return policy.HandshakeClosed
	case isRemoteAlert(err):
		return policy.HandshakeAlert
	}
	// crypto/tls has no error values for these; a test holds the texts against the
	// version of Go that builds.
	text := err.Error()
	for _, known := range handshakeTexts {
		if strings.HasPrefix(text, known.prefix) {
			return known.reason
		}
	}
	return policy.HandshakeFailed
}

var handshakeTexts = [...]struct {
	prefix string
	reason policy.Reason
}{
	{"tls: client offered only unsupported versions", policy.VersionMismatch},
	{"tls: client using inappropriate protocol fallback", policy.VersionMismatch},
	{"tls: no cipher suite supported by both", policy.CipherMismatch},
	{"tls: no key exchanges supported by both", policy.CipherMismatch},
	{"tls: no supported elliptic curves offered", policy.CipherMismatch},
	{"tls: peer doesn't support any of the certificate's signature algorithms", policy.CipherMismatch},
	{"tls: missing signature_algorithms", policy.CipherMismatch},
	{"tls: client requested unsupported application protocols", policy.ALPNMismatch},
	{"tls: client did not request an application protocol", policy.ALPNMismatch},
	{"tls: client didn't provide a certificate", policy.ClientCertMissing},
	{"tls: failed to parse client certificate", policy.ClientCertInvalid},
	{"tls: client sent certificate containing RSA key larger", policy.ClientCertInvalid},
	{"tls: client certificate ", policy.ClientCertInvalid},
	{"tls: invalid signature by the client certificate", policy.ClientCertInvalid},
}

// stranger is what is known of a client whose handshake failed. None of it is verified.
type stranger struct {
	serverName string
	offered    uint16            // the newest TLS version that it offers; 0 if its hello was not understood
	leaf       *x509.Certificate // the certificate that it showed
}

func strangerOf(w *wire, state *tls.ConnectionState, err error) *stranger {
	s := &stranger{serverName: w.serverName, offered: w.offered}
	if invalid, ok := errors.AsType[*tls.CertificateVerificationError](err); ok && len(invalid.UnverifiedCertificates) > 0 {
		s.leaf = invalid.UnverifiedCertificates[0]
	} else if len(state.PeerCertificates) > 0 {
		s.leaf = state.PeerCertificates[0]
	}
	return s
}

// revoked is implemented by errors about revocation: it tells that the certificate was revoked, or else
// that no current list says anything of it.
type revoked interface{ Revoked() bool }

// certificateReason names what is wrong with the client's certificate, if that is
// what failed.
func certificateReason(err error) (policy.Reason, bool) {
	var r revoked
	if errors.As(err, &r) {
		if r.Revoked() {
			return policy.ClientCertRevoked, true
		}
		return policy.ClientCertNoList, true
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if invalid.Reason == x509.Expired {
			return policy.ClientCertExpired, true
		}
		return policy.ClientCertInvalid, true
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return policy.ClientCertUnknown, true
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return policy.ClientCertInvalid, true
	}
	return "", false
}

// notTLS tells what a stranger sent where a TLS record was expected: an SSLv2-style hello
// (high bit set, message type 1) or something else. crypto/tls uses the same error for
// bad headers of later records and for TLS records that are too long, then without a connection.
func notTLS(err tls.RecordHeaderError) policy.Reason {
	header := err.RecordHeader
	switch {
	case header[0]&0x80 != 0 && header[2] == 1:
		return policy.DetectSSLv2
	case header[0]&0x80 == 0 && err.Conn == nil:
		return policy.HandshakeFailed
	default:
		return policy.NotTLS
	}
}
