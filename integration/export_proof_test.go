//go:build integration

package integration

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"sallyport/internal/testpolicy"
)

// seedVariable names the environment variable with the number that the random policies begin with.
const seedVariable = "SALLYPORT_SEED"

// TestExportProof makes policies at random, has them exported, loads the firewalls, and connects from inside, outside and both edges
// of everything in them: explain, the firewall and sallyport agree on every tuple, with the firewall at every place where
// it can be. A failure prints the seed that repeats it: SALLYPORT_SEED=...
func TestExportProof(t *testing.T) {
	need(t, "xtables-nft-multi")
	site := newExportSite(t)
	p := exportProof{site: site}
	seed := p.seed(t)
	worlds := storms(12, 200)
	if os.Getenv(seedVariable) != "" && os.Getenv(soakVariable) != "1" {
		worlds = 1
	}
	for i := range uint64(worlds) {
		p.world(t, seed+i)
		if t.Failed() {
			t.Fatalf("%s=%d repeats it; the policy:\n%s", seedVariable, seed+i, p.Policy())
		}
	}
	t.Logf("seed %d: %d policies; %d connections against %d firewalls, %d against sallyport alone; %d tuples in tests of policies, %d explained",
		seed, worlds, p.account.firewalled, p.account.firewalls, p.account.alone, p.account.tested, p.account.explained)
}

// exportProof is the network with the world that it is in at the moment.
type exportProof struct {
	site *exportSite
	*testpolicy.World
	*sallyport
	numbers *rand.Rand
	account struct{ firewalls, firewalled, alone, tested, explained int }
}

func (p *exportProof) seed(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv(seedVariable)
	if text == "" {
		return uint64(time.Now().UnixNano()) % 1e9
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	must(t, err)
	return seed
}

// world goes through one world.
func (p *exportProof) world(t *testing.T, seed uint64) {
	t.Helper()
	p.numbers = rand.New(rand.NewPCG(seed, 0))
	p.World = testpolicy.Random(p.numbers, &p.site.Site)
	tuples := p.Tuples(p.numbers, 250, p.site.reaches)
	p.enter(t, tuples)
	p.explain(t, tuples)
	all := attempts(p.World, tuples)
	remote := slices.DeleteFunc(slices.Clone(all), func(a attempt) bool { return a.From.Addr().IsLoopback() })
	reached := []string{"--reached-at", p.site.Four.String(), "--reached-at", p.site.Six.String()}
	for _, place := range []struct {
		name           string
		in             namespace
		builtIn, chain string
		all            []attempt
		args           []string
	}{
		{"host", p.site.server, "INPUT", "SALLYPORT-IN", all, nil},
		{"client", p.site.clients, "OUTPUT", "SALLYPORT-OUT", remote, reached},
		{"between", p.site.router, "FORWARD", "SALLYPORT-FWD", remote, reached},
	} {
		args := plus(place.args, "--at", place.name)
		place.in.firewall(t, p.export(t, "nftables", args...))
		p.behindFirewall(t, "nftables at "+place.name, place.all)
		place.in.iptables(t, p.export(t, "iptables", args...), p.export(t, "ip6tables", args...), place.builtIn, place.chain)
		p.behindFirewall(t, "iptables at "+place.name, place.all)
		place.in.firewall(t, "")
	}
	p.alone(t, all)
}

// enter has sallyport run this world. The policy's own tests say what every tuple is judged as, and sallyport would not take the
// policy if one of them failed: they are judged as explain does it.
func (p *exportProof) enter(t *testing.T, tuples []testpolicy.Tuple) {
	t.Helper()
	text, config := p.Policy()+p.Tests(tuples), p.Config(p.site.files)
	p.account.tested += len(tuples)
	if p.sallyport == nil {
		p.sallyport = launch{prefix: p.site.server.exec, policy: text}.start(t, config)
		return
	}
	replace(t, p.policyFile(), text)
	p.write(t, config+policySection(config))
	p.reload(t)
}

// explain asks the command about a sample.
func (p *exportProof) explain(t *testing.T, tuples []testpolicy.Tuple) {
	t.Helper()
	for range 10 {
		tuple := tuples[p.numbers.IntN(len(tuples))]
		for _, way := range tuple.Port.Ways() {
			args := []string{"explain", "--from", tuple.From.String(), "--to", tuple.Port.Name()}
			switch {
			case way == testpolicy.InPlaintext && len(tuple.Port.Ways()) > 1:
				args = append(args, "--plaintext")
			case way == testpolicy.OverTLS:
				args = append(args, "--tls")
			}
			if way == testpolicy.OverTLS && tuple.Port.ClientAuth != "none" {
				for _, identity := range testpolicy.Identities() {
					args = append(args, "--identity", identity.String())
				}
			}
			want := 0
			if !p.Judge(tuple, way, p.Now).Passes() {
				want = 3
			}
			if r := p.command(t, args...); r.code != want {
				t.Errorf("explain %s in %s: exit code %d, want %d\n%s", tuple, way, r.code, want, r.all)
			}
			p.account.explained++
		}
	}
}

// behindFirewall tries everything behind a firewall: what it stops, sallyport must never have seen.
func (p *exportProof) behindFirewall(t *testing.T, firewall string, all []attempt) {
	t.Helper()
	before, _ := p.out.since(0)
	p.account.firewalls++
	p.account.firewalled += len(all)
	p.want(t, firewall, all, p.site.try(t, all), firewalled)
	wanted := make(map[string]int)
	for _, a := range all {
		if a.passes {
			wanted[a.Port.Name()+" from "+a.From.String()]++
		}
	}
	var seen map[string]int
	waitFor(t, "records of all that passed "+firewall, func() bool {
		seen = p.records(len(before))
		return t.Failed() || sum(seen) >= sum(wanted)
	})
	for name := range maps.Keys(seen) {
		if seen[name] > wanted[name] {
			t.Errorf("%s: sallyport saw %s, which has to be stopped before it", firewall, name)
		}
	}
}

// records counts the sessions in the log from a line on.
func (p *exportProof) records(from int) map[string]int {
	lines, _ := p.out.since(from)
	seen := make(map[string]int)
	for _, line := range lines {
		if r, isSession := parseRecord(line); isSession {
			seen[r.text(keyApplication)+"/"+r.text(keyPort)+" from "+r.text(keySource)]++
		}
	}
	return seen
}

func sum(counts map[string]int) (total int) {
	for _, n := range counts {
		total += n
	}
	return total
}

// alone tries everything without a firewall: sallyport alone stops the same.
func (p *exportProof) alone(t *testing.T, all []attempt) {
	t.Helper()
	p.account.alone += len(all)
	p.want(t, "sallyport alone", all, p.site.try(t, all), deniedByUs)
}

// want fails the test for attempts that have another outcome than they should, the first ten in words.
func (p *exportProof) want(t *testing.T, by string, all []attempt, outcomes []string, stopped string) {
	t.Helper()
	wrong := disagreements(all, outcomes, stopped)
	for _, text := range wrong[:min(len(wrong), 10)] {
		t.Errorf("%s: %s", by, text)
	}
	if len(wrong) > 10 {
		t.Errorf("%s: and %d more", by, len(wrong)-10)
	}
}

// disagreements returns in words what did not become of attempts as it should.
func disagreements(all []attempt, outcomes []string, stopped string) []string {
	var wrong []string
	for i, a := range all {
		want := stopped
		if a.passes {
			want = passed
		}
		if outcomes[i] != want {
			wrong = append(wrong, fmt.Sprintf("%s in %s: %s, want %s", a.Tuple, a.way, outcomes[i], want))
		}
	}
	return wrong
}
