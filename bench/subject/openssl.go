package subject

import (
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// noHybrid is what a peer without the key exchange is excused with.
const noHybrid = "its OpenSSL has no X25519MLKEM768, which came with 3.5"

var opensslVersion = regexp.MustCompile(`OpenSSL (\d+)\.(\d+)\.\d+\S*`)

// hybrid reports whether the OpenSSL that a program runs with has X25519MLKEM768, by what it says of itself.
func hybrid(program string, args ...string) bool {
	out, _ := exec.Command(program, args...).CombinedOutput() // some exit with 1 after telling their version
	return knowsHybrid(string(out))
}

// knowsHybrid looks for the last version in a text: programs name the one that they were built with first.
func knowsHybrid(text string) bool {
	all := opensslVersion.FindAllStringSubmatch(text, -1)
	if len(all) == 0 {
		return false
	}
	last := all[len(all)-1]
	major, _ := strconv.Atoi(last[1])
	minor, _ := strconv.Atoi(last[2])
	return major > 3 || major == 3 && minor >= 5
}

// versionLine is the first line of what a program says of itself, with the OpenSSL that it runs with.
func versionLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	line = strings.TrimSpace(line)
	if all := opensslVersion.FindAllString(text, -1); len(all) > 0 && !strings.Contains(line, "OpenSSL") {
		line += ", " + all[len(all)-1]
	}
	return line
}
