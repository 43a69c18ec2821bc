//go:build integration

package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

const killPorts = `
  [[application.port]]
  id     = "socket"
  listen = "unix:port.sock"
  mode   = "plaintext"
  [[application.port]]
  id     = "closed"
  listen = "${closed}"
  mode   = "plaintext"
`

const killRules = stormRules + `
[[allow]]
id = "socket"
from = ["any"]
to = ["echo/socket"]
tls = "plaintext"
owner = "test"
[lockout]
failures = 1
window = "30m"
duration = "30m"
`

// TestStormKilled kills the program at a random moment of a reload, again and again, while it also writes down whom it has
// locked out. Whatever the moment, it starts anew, and with the files as they are.
func TestStormKilled(t *testing.T) {
	rounds := storms(24, 500)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	s := newStorm(t, "builtin:echo", true)
	s.at["closed"] = freeAddress(t)
	s.text, s.rules = s.text+killPorts, killRules
	s.mend(t, 0)
	s.run(t)
	reloads := 0
	for round := range rounds {
		reloads += s.killOnce(t, round, random)
		s.run(t)
		s.wantWhole(t)
	}
	t.Logf("storm: killed %d times around a reload, %d times after the new state was in force; starts that failed: 0", rounds, reloads)
}

// killOnce changes files, has a source locked out and unlocked, and kills the program somewhere in between. It returns 1 if
// the change had come into force by then.
func (s *storm) killOnce(t *testing.T, round int, random *rand.Rand) (reloaded int) {
	t.Helper()
	source := fmt.Sprintf("127.1.%d.%d", 1+round/250, 1+round%250)
	if conn, err := tryDial(t, s.at["closed"], source); err == nil {
		wantRefused(t, conn)
	}
	s.mend(t, round+1)
	// By watching, it happens a fifth of a second after the change; by command, at once.
	moment := 190 + random.IntN(60)
	var asked sync.WaitGroup
	if round%2 == 0 {
		moment = random.IntN(30)
		asked.Go(func() { s.post("/api/v1/reload") })
		asked.Go(func() { s.post("/api/v1/unlock?address=" + source) }) // which writes at once
	}
	<-time.After(time.Duration(moment) * time.Millisecond)
	s.signal(t, syscall.SIGKILL)
	<-s.exited
	asked.Wait()
	if containing(`"msg":"reloaded"`)(s.out.String()) {
		return 1
	}
	return 0
}

// wantWhole expects everything to be as the files say, and no trace of the end.
func (s *storm) wantWhole(t *testing.T) {
	t.Helper()
	state, err := s.visit(newcomer{port: "secure", config: s.ca.ClientConfig("localhost", nil)}, "127.0.0.1")
	if err != nil {
		t.Fatalf("after the start: %v", err)
	}
	if got, want := state.PeerCertificates[0].SerialNumber.String(), serialOf(t, s.good["server.crt"]); got != want {
		t.Errorf("certificate %s after the start, want %s", got, want)
	}
	conn, err := net.Dial("unix", filepath.Join(s.dir, "port.sock"))
	must(t, err)
	defer conn.Close()
	exchange(t, conn, "hello\n")
	text, err := os.ReadFile(filepath.Join(s.dir, "state", "lockouts.json"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) || err == nil && !json.Valid(text) {
		t.Errorf("lockouts.json: %v %q", err, text)
	}
	left, _ := filepath.Glob(filepath.Join(s.dir, "state", "lockouts.json.*"))
	if len(left) > 0 || containing("damaged")(s.out.String()) {
		t.Errorf("left behind: %v\n%s", left, s.out.tail(5))
	}
}
