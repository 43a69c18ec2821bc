package suggest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseLine(t *testing.T) {
	const record = `time=2026-11-22T14:00:00.000+01:00 level=WARN msg=session source=10.2.0.5:20001`
	const object = `{"time":"2026-11-22T14:00:00Z","level":"WARN","msg":"session","source":"10.2.0.5:20001","bytes_in":12}`
	want := fields{"time": "2026-11-22T14:00:00.000+01:00", "level": "WARN", "msg": "session", "source": "10.2.0.5:20001"}
	wantObject := fields{"time": "2026-11-22T14:00:00Z", "level": "WARN", "msg": "session", "source": "10.2.0.5:20001", "bytes_in": "12"}
	tests := []struct {
		name string
		line string
		want fields
		kind lineKind
	}{
		{"text", record, want, sessionRecord},
		{"text of a Windows file", record + "\r\n", want, sessionRecord},
		{"journal", "Nov 22 14:00:00 host sallyport[123]: " + record, want, sessionRecord},
		{"own name of the service", "Nov 22 14:00:00 host sallyport-east[123]: " + record, want, sessionRecord},
		{"Docker Compose", "proxy-1  | " + record, want, sessionRecord},
		{"container runtime", "2026-11-22T14:00:00.1Z stdout F " + record, want, sessionRecord},
		{"JSON", object, wantObject, sessionRecord},
		{"JSON behind a prefix", "Nov 22 14:00:00 host sallyport[123]: " + object, wantObject, sessionRecord},
		{"journalctl -o json", `{"SYSLOG_IDENTIFIER":"sallyport","MESSAGE":"` + record + `"}`, want, sessionRecord},
		{"Docker's JSON file", `{"log":"` + record + `\n","stream":"stderr"}`, want, sessionRecord},
		{"JSON in JSON", `{"message":"{\"msg\":\"session\",\"port\":\"a\"}"}`, fields{"msg": "session", "port": "a"}, sessionRecord},
		{"quoted value", record + ` sni="a b\n\"c\" verdict=allow"`,
			fields{"time": want["time"], "level": "WARN", "msg": "session", "source": want["source"], "sni": "a b\n\"c\" verdict=allow"}, sessionRecord},

		{"nothing", "", nil, noRecord},
		{"another message", `time=2026-11-22T14:00:00Z level=INFO msg="started session=1"`, nil, noRecord},
		{"a record in the value of another", `time=2026-11-22T14:00:00Z level=INFO msg="bad: ` + record + ` "`, nil, noRecord},
		{"a record in the value of another, JSON", `{"msg":"x","error":" ` + record + ` "}`, nil, noRecord},
		{"JSON that is something else", `{"session":1}`, nil, noRecord},
		{"wrapped twice", `{"log":"{\"log\":\"` + record + `\"}"}`, nil, noRecord},
		{"another program's", "Nov 22 14:00:00 host sshd[9]: " + record, nil, foreignRecord},
		{"another program's JSON", "Nov 22 14:00:00 host sshd[9]: " + object, nil, foreignRecord},
		{"another program in the journal", `{"SYSLOG_IDENTIFIER":"sshd","MESSAGE":"` + record + `"}`, nil, foreignRecord},
		{"text behind the record", "Nov 22 14:00:00 host sshd[9]: Invalid user " + record + " from 192.0.2.1", nil, brokenRecord},

		{"cut within a quoted value", record + ` sni="a b`, nil, brokenRecord},
		{"beginning missing", `level=WARN msg=session source=10.2.0.5:20001`, nil, brokenRecord},
		{"two lines in one", record + "2time=x", nil, brokenRecord},
		{"attribute twice", record + " source=10.2.0.6:1", nil, brokenRecord},
		{"wrong order", `time=x msg=session level=WARN source=a`, nil, brokenRecord},
		{"JSON cut", object[:len(object)-2], nil, brokenRecord},
		{"text behind JSON", object + " x", nil, brokenRecord},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, kind := parseLine([]byte(test.line))
			if kind != test.kind {
				t.Errorf("kind %d, want %d", kind, test.kind)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
}
