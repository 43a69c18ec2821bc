package main

import (
	"fmt"
	"slices"
	"strings"

	"sallyport/certs"
)

// trustChanges says which CAs and revocation lists came, went and are others.
func trustChanges(older, newer *inventory) []string {
	if sameTrust(older, newer) {
		return nil
	}
	lines := append(authorityChanges(older, newer), listChanges(older, newer)...)
	if len(lines) > 0 {
		slices.Sort(lines)
		return lines
	}
	for key, now := range newer.trusts { // what has no name: another serial number in the place of one, say
		if was := older.trusts[key]; was != nil && was.trust.Fingerprint != now.trust.Fingerprint {
			lines = append(lines, fmt.Sprintf("trust changed in %s%s", strings.Join(append([]string{now.file}, now.crls...), ", "), usersText(now.users)))
		}
	}
	slices.Sort(lines)
	return lines
}

func sameTrust(older, newer *inventory) bool {
	if len(older.trusts) != len(newer.trusts) {
		return false
	}
	for key, now := range newer.trusts {
		if was := older.trusts[key]; was == nil || was.trust.Fingerprint != now.trust.Fingerprint {
			return false
		}
	}
	return true
}

func authorityChanges(older, newer *inventory) []string {
	var lines []string
	before, after := older.authorities(), newer.authorities()
	for file, now := range after {
		was := before[file]
		if was == nil {
			was = &trustUse{trust: new(certs.Trust)}
		}
		came, went := differing(was.trust.Authorities(), now.trust.Authorities())
		for _, ca := range came {
			lines = append(lines, fmt.Sprintf("CA added in %s: %s%s", file, certificateText(ca), usersText(now.users)))
		}
		for _, ca := range went {
			lines = append(lines, fmt.Sprintf("CA removed in %s: %s%s", file, certificateText(ca), usersText(now.users)))
		}
	}
	for file, was := range before {
		if after[file] != nil {
			continue
		}
		for _, ca := range was.trust.Authorities() {
			lines = append(lines, fmt.Sprintf("CA removed in %s, which is not used any more: %s", file, certificateText(ca)))
		}
	}
	return lines
}

func listChanges(older, newer *inventory) []string {
	var lines []string
	before, after := older.revocationLists(), newer.revocationLists()
	for key, now := range after {
		was, known := before[key]
		switch text := listText(was, now); {
		case !known:
			lines = append(lines, fmt.Sprintf("revocation list of %s added in %s: %s, next update %s", key.issuer, key.file, count(now.Revoked, "revoked certificate"), minute(now.NextUpdate)))
		case text != "":
			lines = append(lines, fmt.Sprintf("revocation list of %s changed in %s: %s", key.issuer, key.file, text))
		}
	}
	for key := range before {
		if _, still := after[key]; !still {
			lines = append(lines, fmt.Sprintf("revocation list of %s removed in %s", key.issuer, key.file))
		}
	}
	return lines
}

// listText says what is different between two versions of a revocation list.
func listText(was, now certs.RevocationList) string {
	var parts []string
	if was.Revoked != now.Revoked {
		parts = append(parts, fmt.Sprintf("%s, were %d", count(now.Revoked, "revoked certificate"), was.Revoked))
	}
	if !was.ThisUpdate.Equal(now.ThisUpdate) {
		parts = append(parts, fmt.Sprintf("this update %s is now %s", minute(was.ThisUpdate), minute(now.ThisUpdate)))
	}
	if !was.NextUpdate.Equal(now.NextUpdate) {
		parts = append(parts, fmt.Sprintf("next update %s is now %s", minute(was.NextUpdate), minute(now.NextUpdate)))
	}
	return strings.Join(parts, ", ")
}
