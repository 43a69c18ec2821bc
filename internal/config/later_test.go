package config

import (
	"strings"
	"testing"

	"sallyport/internal/config/document"
)

// Whatever the schema marks as a key of a later release is refused wherever it
// stands; none is silently ignored.
func TestLaterKeysAreRefused(t *testing.T) {
	tested := 0
	for _, k := range document.Keys[rawFile]() {
		if !k.Later {
			continue
		}
		tested++
		t.Run(k.Path, func(t *testing.T) {
			_, problems := Parse("config.toml", []byte(fileWith(k.Path)))
			for _, p := range problems {
				if withoutIndexes(p.Key) == k.Path && p.Message == "not yet supported" && p.Hint != "" && !p.Warning {
					return
				}
			}
			t.Errorf("not refused; problems:\n%v", problems)
		})
	}
	if tested < 5 {
		t.Errorf("only %d keys are for later", tested)
	}
}

// fileWith is a file that sets the key at path to something.
func fileWith(path string) string {
	var b strings.Builder
	for _, list := range []string{"application", "application.port", "application.port.sni"} {
		if strings.HasPrefix(path, list+".") {
			b.WriteString("[[" + list + "]]\n")
		}
	}
	for _, list := range []string{"application.port.sni.", "application.port.", "application."} {
		if rest, ok := strings.CutPrefix(path, list); ok {
			return b.String() + rest + " = {}\n"
		}
	}
	return path + " = {}\n"
}

func withoutIndexes(key string) string {
	return strings.NewReplacer("[0]", "").Replace(key)
}
