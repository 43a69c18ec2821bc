package upstream

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sallyport/policy"
	"sallyport/proxy/sourceport"
)

// world is servers that a test makes well and ill, a group in front of them, and what has become of it. Everything
// is in a bubble with its own time.
type world struct {
	t     *testing.T
	group *Group
	ctx   context.Context
	log   records

	mu       sync.Mutex
	answers  map[string]answerOf // of servers; others connect at once
	checks   map[string]error    // of servers; others are well
	attempts []string            // so far
	asked    map[string]int      // checks so far
	askedAt  []time.Time         // checks of A
	dialing  map[string]int      // now
	cuts     []string            // sessions, in alphabetical order when read
}

// records is what a group has logged, without the time.
type records struct {
	mu    sync.Mutex
	lines []string
}

func (r *records) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, strings.TrimSuffix(string(b), "\n"))
	return len(b), nil
}

// take returns the records since the last time.
func (r *records) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	lines := r.lines
	r.lines = nil
	return lines
}

// answerOf is what comes of an attempt at a server.
type answerOf func(ctx context.Context, within time.Duration) error

var (
	errRefused = policy.Refuse(policy.UpstreamRefused, errors.New("connection refused"))
	errNoPorts = policy.Refuse(policy.SourceExhausted, errors.New("no port came free"))
	errAnswer  = errors.New("a wrong answer")
	errHang    = errors.New("no answer at all")
)

func refuses(context.Context, time.Duration) error { return errRefused }

// answersWrongly is a server that is something else.
func answersWrongly(context.Context, time.Duration) error {
	return policy.Refuse(policy.UpstreamTLS, errAnswer)
}

// silent is a server that does not answer.
func silent(ctx context.Context, within time.Duration) error {
	expired, stop := after(within)
	defer stop()
	select {
	case <-expired:
		return policy.Refuse(policy.UpstreamTimeout, errors.New("no answer"))
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// slow is a server that takes its time.
func slow(d time.Duration) answerOf {
	return func(ctx context.Context, within time.Duration) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// failsAfter is a server that says after a time that it did not hear.
func failsAfter(d time.Duration) answerOf {
	return func(ctx context.Context, _ time.Duration) error { return silent(ctx, d) }
}

// inWorld runs a test against a group with settings. Its Run is running.
func inWorld(t *testing.T, s Settings, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{
			t: t, answers: make(map[string]answerOf), checks: make(map[string]error),
			asked: make(map[string]int), dialing: make(map[string]int),
		}
		handler := slog.NewTextHandler(&w.log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == keyApplication && a.Value.String() == "app" {
				return slog.Attr{}
			}
			return a
		}})
		w.group = NewGroup("app", slog.New(handler), w)
		w.group.Configure(usual(s))
		ctx, stop := context.WithCancel(t.Context())
		w.ctx = ctx
		var running sync.WaitGroup
		running.Go(func() { w.group.Run(ctx) })
		w.pass(0)
		test(w)
		stop()
		running.Wait()
		w.wantIdle()
	})
}

// wantIdle finds what has been forgotten.
func (w *world) wantIdle() {
	w.t.Helper()
	g := w.group
	g.lock()
	defer g.unlock()
	if g.calls != 0 || g.followers != 0 {
		w.t.Errorf("%d calls and %d followers are left over", g.calls, g.followers)
	}
	for name, m := range g.known {
		if m.dialing != 0 || len(m.attempts) != 0 || m.queue.Len() != 0 || m.trial != nil {
			w.t.Errorf("%s: %d dialing, %d attempts, %d in the queue, trial %v are left over",
				name, m.dialing, len(m.attempts), m.queue.Len(), m.trial != nil)
		}
	}
}

// Check implements [Checker].
func (w *world) Check(ctx context.Context, e *Endpoint, h *Health) error {
	w.mu.Lock()
	w.asked[e.String()]++
	if e.String() == "A" {
		w.askedAt = append(w.askedAt, time.Now())
	}
	err := w.checks[e.String()]
	w.mu.Unlock()
	if err == errHang {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

func (w *world) connect(ctx context.Context, e *Endpoint, within time.Duration, _ sourceport.Turn) error {
	name := e.String()
	w.mu.Lock()
	w.attempts = append(w.attempts, name)
	answer := w.answers[name]
	w.dialing[name]++
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		w.dialing[name]--
		w.mu.Unlock()
	}()
	if answer == nil {
		return nil
	}
	return answer(ctx, within)
}

// is says what comes of attempts at a server from now on; nil connects at once.
func (w *world) is(name string, answer answerOf) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers[name] = answer
}

// checked says what comes of checks of a server from now on.
func (w *world) checked(name string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.checks[name] = err
}

// came is the outcome of one Connect.
type came struct {
	use  *Use
	err  error
	took time.Duration
}

// where returns the endpoint or the reason why there is none.
func (c came) where() string {
	if c.err != nil {
		return string(policy.ReasonOf(c.err, "no reason: "+policy.Reason(c.err.Error())))
	}
	if c.use == nil {
		return "nowhere yet"
	}
	return c.use.member.name
}

// session connects a session of a name, which a cut is told by.
func (w *world) session(name string) came { return w.sessionOf(w.ctx, name, netip.Addr{}) }

func (w *world) sessionOf(ctx context.Context, name string, client netip.Addr) came {
	begun := time.Now()
	use, err := w.group.Connect(ctx, Session{Client: client, Cut: func(r policy.Reason) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.cuts = append(w.cuts, name+" "+string(r))
	}}, w.connect)
	return came{use, err, time.Since(begun)}
}

// pass lets time go by, and whatever is due by then be done.
func (w *world) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// begin connects a session beside the test and returns where its outcome will be.
func (w *world) begin(name string) *came {
	var c came
	go func() { c = w.session(name) }()
	synctest.Wait()
	return &c
}

// wants connects a session and says where it has to come, and after how long.
func (w *world) wants(where string, took time.Duration) *Use {
	w.t.Helper()
	c := w.session("one")
	if c.where() != where || c.took != took {
		w.t.Errorf("a session came to %s after %v, want %s after %v (%v)", c.where(), c.took, where, took, c.err)
	}
	return c.use
}

func (w *world) wantCuts(want ...string) {
	w.t.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	slices.Sort(w.cuts)
	if !slices.Equal(w.cuts, want) {
		w.t.Errorf("cut %q, want %q", w.cuts, want)
	}
	w.cuts = nil
}

// wantAttempts says which servers were tried since the last time.
func (w *world) wantAttempts(want ...string) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Equal(w.attempts, want) {
		w.t.Errorf("attempts at %q, want %q", w.attempts, want)
	}
	w.attempts = nil
}

// wantLog says what was logged since the last time.
func (w *world) wantLog(want ...string) {
	w.t.Helper()
	synctest.Wait()
	got := w.log.take()
	if !slices.Equal(got, want) {
		w.t.Errorf("log\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func (w *world) wantActive(want string) {
	w.t.Helper()
	synctest.Wait()
	if got := w.group.State().Active; got != want {
		w.t.Errorf("active is %q, want %q", got, want)
	}
}

func (w *world) wantHealthy(want ...bool) {
	w.t.Helper()
	synctest.Wait()
	var got []bool
	for _, e := range w.group.State().Endpoints {
		got = append(got, e.Healthy)
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("healthy are %v, want %v", got, want)
	}
}

// endpoints returns TCP endpoints.
func endpoints(names ...string) []*Endpoint {
	var list []*Endpoint
	for _, name := range names {
		list = append(list, &Endpoint{Network: "tcp", Address: name})
	}
	return list
}

// usual returns settings with what configuration would say of all that is left open.
func usual(s Settings) *Settings {
	s.MaxDials = cmp.Or(s.MaxDials, 64)
	s.Queue = cmp.Or(s.Queue, 1024)
	s.Health.Interval = cmp.Or(s.Health.Interval, 2*time.Second)
	s.Health.Timeout = cmp.Or(s.Health.Timeout, time.Second)
	s.Health.Rise = cmp.Or(s.Health.Rise, 2)
	s.Health.Fall = cmp.Or(s.Health.Fall, 3)
	return &s
}
