package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/admin"
	"sallyport/internal/config"
)

func TestPrintCertificates(t *testing.T) {
	now := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	certificate := func(role, subject string, ends time.Time) admin.Certificate {
		return admin.Certificate{Role: role, Subject: subject, Serial: "1f", NotAfter: ends, Files: []string{subject + ".crt"}, UsedBy: []string{"a/p"}}
	}
	ended := certificate(admin.RoleLeaf, "ended", now.Add(-time.Second))
	today := certificate(admin.RoleIntermediate, "today", now.Add(time.Hour))
	soon := certificate(admin.RoleLeaf, "soon", now.AddDate(0, 0, 30))
	later := certificate(admin.RoleLeaf, "later", now.AddDate(0, 0, 31))
	list := admin.RevocationList{Issuer: "our CA", File: "ca.crl", NextUpdate: now.AddDate(0, 0, 1)}
	for _, tt := range []struct {
		name   string
		status admin.Status
		want   string
	}{
		{"none", admin.Status{}, ""},
		{"only later", admin.Status{Certificates: []admin.Certificate{later}}, "1 certificate in use, none ends within 30 days\n"},
		{"all", admin.Status{Certificates: []admin.Certificate{ended, today, soon, later}, RevocationLists: []admin.RevocationList{list}}, `
CERTIFICATE               SERIAL  ENDS                                      FILE       USED BY
ended                     1f      2026-12-31 23:59 UTC  HAS ENDED           ended.crt  a/p
today (intermediate)      1f      2027-01-01 01:00 UTC  in less than a day  today.crt  a/p
soon                      1f      2027-01-31 00:00 UTC  in 30 days          soon.crt   a/p
our CA (revocation list)  -       2027-01-02 00:00 UTC  in 1 day            ca.crl     -
others in use, which end later: 1
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			if err := printCertificates(&out, &tt.status, now); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, out.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestReloadCounts(t *testing.T) {
	var reloads history
	for _, r := range []admin.Reload{
		{Trigger: admin.TriggerStart, OK: true}, {Trigger: admin.TriggerWatch}, {Trigger: admin.TriggerWatch, OK: true}, {Trigger: admin.TriggerWatch, OK: true},
	} {
		reloads.add(&r)
	}
	want := []admin.ReloadCount{
		{Trigger: admin.TriggerStart, Succeeded: 1}, {Trigger: admin.TriggerWatch, Succeeded: 2, Failed: 1},
		{Trigger: admin.TriggerRetry}, {Trigger: admin.TriggerSignal}, {Trigger: admin.TriggerRequest},
	}
	if diff := cmp.Diff(want, reloads.list()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWarningTexts(t *testing.T) {
	lasting, passing := warningTexts(config.Problems{
		{Message: "an error"}, {Message: "ends", Warning: true, Passing: true}, {Message: "odd", Warning: true},
	})
	if len(lasting) != 1 || !strings.Contains(lasting[0], "odd") || len(passing) != 1 || !strings.Contains(passing[0], "ends") {
		t.Errorf("lasting %q, passing %q", lasting, passing)
	}
}
