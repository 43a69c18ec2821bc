package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"sallyport/internal/testpki"
)

// BenchmarkChanges compares plans of 10,000 ports, each with a certificate of its own, in which nothing and one of
// them is different.
func BenchmarkChanges(b *testing.B) {
	const ports = 10_000
	s := newSite(b)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	var config strings.Builder
	config.WriteString("[policy]\nfiles = [\"policy.toml\"]\n[[application]]\nname = \"a\"\nupstream.primary = \"127.0.0.1:2020\"\n")
	for i := range ports {
		name := fmt.Sprintf("c%d", i)
		s.issue(name, testpki.Options{CommonName: name, Names: []string{name + ".example.com"}, Key: key})
		fmt.Fprintf(&config, "[[application.port]]\nid = \"p%d\"\nlisten = \"127.0.0.1:%d\"\nmode = \"secure\"\ncertificate = \"%[3]s.crt\"\ncertificate_key = \"%[3]s.key\"\n", i, 20000+i, name)
	}
	s.file("config.toml", config.String())
	before, same := s.plan(), s.plan()
	s.issue("c7", testpki.Options{CommonName: "c7", Names: []string{"c7.example.com"}})
	one := s.plan()
	b.Run("nothing", func(b *testing.B) {
		for b.Loop() {
			if n := len(same.changes(before).Certificates); n != 0 {
				b.Fatalf("%d changes", n)
			}
		}
	})
	b.Run("one certificate", func(b *testing.B) {
		for b.Loop() {
			if n := len(one.changes(before).Certificates); n != 1 {
				b.Fatalf("%d changes", n)
			}
		}
	})
	b.Run("inventory", func(b *testing.B) {
		for b.Loop() {
			takeInventory(one, nil)
		}
	})
}
