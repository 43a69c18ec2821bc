package proxy

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"sallyport/policy"
)

// attrList builds the attributes of a record.
type attrList []slog.Attr

var attrLists = sync.Pool{New: func() any { return new(attrList) }}

func (a *attrList) giveBack() {
	clear(*a) // a pool must not keep the texts of a session
	*a = (*a)[:0]
	attrLists.Put(a)
}

func (a *attrList) text(key, value string) {
	if value != "" {
		*a = append(*a, slog.String(key, harmless(value)))
	}
}

// error writes the text of an error.
func (a *attrList) error(key string, err error) {
	*a = append(*a, slog.String(key, harmlessError(err)))
}

func (a *attrList) number(key string, value int64) { *a = append(*a, slog.Int64(key, value)) }
func (a *attrList) flag(key string, value bool)    { *a = append(*a, slog.Bool(key, value)) }

func (a *attrList) address(key string, value netip.AddrPort) {
	if !value.IsValid() {
		a.text(key, "unix")
		return
	}
	a.text(key, value.String())
}

// milliseconds writes a time with microseconds as its fraction; zero means that the step was
// not reached and is left out.
func (a *attrList) milliseconds(key string, value time.Duration) {
	if value > 0 {
		*a = append(*a, slog.Float64(key, float64(value.Microseconds())/1000))
	}
}

func (a *attrList) tls(state *tls.ConnectionState) {
	if state == nil {
		return
	}
	a.text(KeyTLSVersion, tls.VersionName(state.Version))
	a.text(KeyCipher, cipherSuiteName(state.CipherSuite))
	if state.CurveID != 0 {
		a.text(KeyGroup, state.CurveID.String())
	}
	a.flag(KeyResumed, state.DidResume)
	a.text(KeySNI, state.ServerName)
	a.text(KeyALPN, state.NegotiatedProtocol)
	if leaf := verifiedLeaf(state); leaf != nil {
		a.text(KeyPeerSubject, leaf.Subject.String())
		a.text(KeyPeerSerial, leaf.SerialNumber.Text(16))
	}
}

func (a *attrList) stranger(s *stranger) {
	if s == nil {
		return
	}
	a.text(KeySNI, s.serverName)
	if s.offered != 0 {
		a.text(KeyOffered, tls.VersionName(s.offered))
	}
	if s.leaf != nil {
		a.text(KeyUnverified, s.leaf.Subject.String())
	}
}

// plainText returns an error's text without the addresses and names that the net package puts into
// it: they have attributes of their own, which the configuration may hide.
func plainText(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op != remoteError {
		err = op.Err
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return dns.Err
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "the certificate is not valid for the configured server_name"
	}
	return err.Error()
}

func (a *attrList) certificate(key string, last *certificateText, leaf *x509.Certificate) {
	if leaf != nil {
		*a = append(*a, slog.String(key, last.of(leaf)))
	}
}

// identitiesText writes identities as policy files do, with a space between them; those that have
// one, or anything else that could be misread, in the quotes of Go. What does not fit is left out.
func identitiesText(all policy.Identities) string {
	var b strings.Builder
	for _, identity := range all.Names() {
		if identity.Kind == policy.LeafSHA256 || identity.Kind == policy.PublicKeyHash {
			continue // nobody reads those
		}
		text := identity.String()
		if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == '"' || r == '\\' || r >= utf8.RuneSelf }) {
			text = strconv.QuoteToASCII(text)
		}
		if b.Len()+1+len(text) > longestText {
			break
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(text)
	}
	return b.String()
}

// lockedText says until when a source is locked out.
func lockedText(l policy.Locked, isLocked bool) string {
	switch {
	case !isLocked:
		return ""
	case l.Forever:
		return "forever"
	default:
		return l.Until.UTC().Round(time.Second).Format(time.RFC3339) // as sallyport lockouts says it
	}
}
