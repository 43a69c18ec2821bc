package config

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"sallyport/internal/config/document"
)

func TestLoadRefusesWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	for _, tc := range []struct {
		name, path, want, hint string
	}{
		{"missing", filepath.Join(dir, "absent.toml"), "no such file", "documents every key"},
		{"directory", dir, "is a directory, not a file", filepath.Join(dir, "config.toml")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg, problems := Load(tc.path)
			if cfg != nil {
				t.Error("there is a configuration")
			}
			if len(problems) != 1 || problems[0].Message != tc.want || !strings.Contains(problems[0].Hint, tc.hint) {
				t.Fatalf("problems = %v, want %q", problems, tc.want)
			}
			if got, want := problems[0].String(), tc.path+": "+tc.want; !strings.HasPrefix(got, want) {
				t.Errorf("text = %q, want it to begin with %q", got, want)
			}
		})
	}
}

func TestLoadRefusesUnreadableFile(t *testing.T) {
	if err := unreadable("config.toml", "config.toml", &os.PathError{Op: "open", Path: "config.toml", Err: os.ErrPermission}); err.Message != "permission denied" {
		t.Errorf("message = %q", err.Message)
	}
	err := unreadable("config.toml", "config.toml", &os.PathError{Op: "read", Path: "config.toml", Err: os.ErrClosed})
	if want := "config.toml: cannot be read: file already closed"; err.String() != want {
		t.Errorf("text = %q, want %q", err, want)
	}
}

func TestLoadNamesFileAsGiven(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "east.toml")
	if err := os.WriteFile(path, []byte("x = 1\n"+application), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, problems := Load(path)
	if cfg == nil || cfg.Path != path || cfg.Dir != dir {
		t.Errorf("configuration = %+v", cfg)
	}
	if want := path + ":1:1: x: unknown key"; len(problems) != 1 || !strings.HasPrefix(problems[0].String(), want) {
		t.Errorf("problems = %v, want %q", problems, want)
	}
}

// What is no text at all is named as such, not as a syntax error.
func TestParseRefusesWhatIsNoText(t *testing.T) {
	for _, tc := range []struct{ name, data, want string }{
		{"empty", "", "config.toml: the file is empty"},
		{"blank", " \r\n\t\n", "config.toml: the file is empty"},
		{"only a byte order mark", "\ufeff", "config.toml: the file is empty"},
		{"UTF-16", "\xff\xfea\x00=\x001\x00", "config.toml: the file is UTF-16, TOML is UTF-8"},
		{"zero byte", "a = 1\nb\x00 = 2\n", "config.toml:2:2: the file holds a zero byte, so it is not text"},
		{"Latin-1", "[host]\nname = \"b\xfccher\"\n", "config.toml:2:10: byte 0xFC is not valid UTF-8"},
		{"Latin-1 in a comment", "# b\xfccher\n", "config.toml:1:4: byte 0xFC is not valid UTF-8"},
		{"too large", strings.Repeat("#\n", document.MaxSize/2+1), "config.toml: the file is larger than 32 MiB"},
		{"carriage returns alone", "a = 1\rb = 2\r", "config.toml:1:6: expected newline but got U+000D"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg, problems := Parse("config.toml", []byte(tc.data))
			if cfg != nil {
				t.Error("there is a configuration")
			}
			if len(problems) != 1 || !strings.HasPrefix(problems[0].String(), tc.want) {
				t.Errorf("problems = %v, want %q", problems, tc.want)
			}
		})
	}
}

func TestParseTakesFilesFromWindows(t *testing.T) {
	crlf := bytes.ReplaceAll([]byte(application), []byte("\n"), []byte("\r\n"))
	for name, data := range map[string][]byte{
		"byte order mark": append([]byte("\ufeff"), application...),
		"CRLF":            crlf,
		"both":            append([]byte("\ufeff"), crlf...),
	} {
		t.Run(name, func(t *testing.T) {
			if _, problems := Parse("config.toml", data); len(problems) > 0 {
				t.Errorf("problems = %v", problems)
			}
		})
	}
}

// A byte order mark is not seen in an editor, so columns do not count it.
func TestByteOrderMarkIsNoColumn(t *testing.T) {
	_, problems := Parse("config.toml", []byte("\ufeffx = 1\n"+application))
	if len(problems) != 1 || problems[0].Pos.Column != 1 {
		t.Errorf("problems = %v, want one in column 1", problems)
	}
}

func TestAbsolutePathsStay(t *testing.T) {
	absolute := "/etc/state"
	if runtime.GOOS == "windows" {
		absolute = `C:\state`
	}
	if got := resolve("dir", absolute); got != filepath.Clean(absolute) {
		t.Errorf("resolve(%q) = %q", absolute, got)
	}
	if got, want := resolve("dir", "../state/."), "state"; got != want {
		t.Errorf("resolve = %q, want %q", got, want)
	}
}
