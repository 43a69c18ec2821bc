//go:build linux || darwin || freebsd

package handover

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

var (
	older = Process{PID: 100, Version: "v1"}
	newer = Process{PID: 200, Version: "v2"}
	short = Patience{Hello: 50 * time.Millisecond, Stage: 50 * time.Millisecond, Switch: 50 * time.Millisecond}
)

// pair returns the two ends of a connection.
func pair(t *testing.T) (giver, taker *net.UnixConn) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "s"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if taker, err = net.DialUnix("unix", nil, l.Addr().(*net.UnixAddr)); err != nil {
		t.Fatal(err)
	}
	if giver, err = l.AcceptUnix(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { giver.Close(); taker.Close() })
	return giver, taker
}

// sockets opens n listening sockets.
func sockets(t *testing.T, n int) (list []Socket, addresses []string) {
	t.Helper()
	for i := range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		file, err := l.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { file.Close() })
		l.Close()
		list = append(list, Socket{Name: fmt.Sprint("port ", i), Foreign: i%2 == 1, File: file})
		addresses = append(addresses, l.Addr().String())
	}
	return list, addresses
}

// descriptors counts what is open in this process.
func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// TestHandover is the whole way, with more sockets than one message can have.
func TestHandover(t *testing.T) {
	giver, taker := pair(t)
	list, addresses := sockets(t, batch+2)
	taken := make(chan error, 1)
	go func() {
		taken <- func() error {
			taking, got, err := Ask(taker, newer, Patience{})
			if err != nil {
				return err
			}
			if taking.Giver() != older {
				return fmt.Errorf("giver %+v", taking.Giver())
			}
			if err := compare(got, addresses); err != nil {
				return err
			}
			state, err := taking.Take()
			if err != nil || string(state) != "what survives" {
				return fmt.Errorf("state %q, %w", state, err)
			}
			if err := taking.Ready(); err != nil {
				return err
			}
			return taking.Settled(10 * time.Second)
		}()
	}()
	giving, err := Answer(giver, older, Patience{})
	if err != nil {
		t.Fatal(err)
	}
	if giving.Taker() != newer {
		t.Errorf("taker %+v", giving.Taker())
	}
	for _, step := range []func() error{
		func() error { return giving.Offer(list) },
		func() error { return giving.Yield([]byte("what survives")) },
		giving.Commit,
		giver.Close,
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-taken; err != nil {
		t.Fatal(err)
	}
}

// compare checks that the received descriptors are the sockets that were sent, and closes them.
func compare(got []Socket, addresses []string) error {
	var list []string
	for i, s := range got {
		if want := fmt.Sprint("port ", i); s.Name != want || s.Foreign != (i%2 == 1) {
			return fmt.Errorf("socket %q, foreign %t, in the place of %q", s.Name, s.Foreign, want)
		}
		raw, err := s.File.SyscallConn()
		if err != nil {
			return err
		}
		var flags, status int
		raw.Control(func(fd uintptr) {
			flags, _ = unix.FcntlInt(fd, unix.F_GETFD, 0)
			status, _ = unix.FcntlInt(fd, unix.F_GETFL, 0)
		})
		if flags&unix.FD_CLOEXEC == 0 {
			return errors.New("a descriptor would be inherited by children")
		}
		if status&unix.O_NONBLOCK == 0 {
			return errors.New("a socket was put into blocking mode, for whoever still accepts on it, too")
		}
		l, err := net.FileListener(s.File)
		if err != nil {
			return err
		}
		list = append(list, l.Addr().String())
		l.Close()
		s.File.Close()
	}
	if diff := cmp.Diff(addresses, list); diff != "" {
		return fmt.Errorf("addresses (-want +got):\n%s", diff)
	}
	return nil
}

// TestTakerFails has a taker go away, or give up, before each of its words. The giver has to learn it every time.
func TestTakerFails(t *testing.T) {
	steps := []string{"hello", "take", "ready"}
	for _, how := range []struct {
		name string
		end  func(*wire)
		want error
	}{
		{"dies", func(w *wire) { w.conn.Close() }, ErrGone},
		{"gives up", func(w *wire) { w.giveUp("no disk") }, &Refusal{Reason: "no disk"}},
		{"hangs", func(*wire) {}, os.ErrDeadlineExceeded},
		{"talks nonsense", func(w *wire) { w.conn.Write([]byte("GET / HTTP/1.1\r\n\r\n")) }, errMalformed},
		{"repeats itself", func(w *wire) { w.send(kindHello, newer, nil, time.Second); w.send(kindHello, newer, nil, time.Second) }, errMalformed},
	} {
		for i, step := range steps {
			if how.name == "repeats itself" && i == 0 {
				continue // saying hello is right then
			}
			t.Run(how.name+" before "+step, func(t *testing.T) {
				giver, taker := pair(t)
				list, _ := sockets(t, 3)
				before := descriptors(t)
				ended := make(chan struct{})
				go func() { takeUntil(taker, i, how.end); close(ended) }()
				err := give(giver, list, patience(how.want))
				<-ended
				refused, isRefusal := errors.AsType[*Refusal](err)
				wanted, wantRefusal := how.want.(*Refusal)
				switch {
				case isRefusal && wantRefusal && *refused == *wanted:
				case !errors.Is(err, how.want):
					t.Errorf("the giver learns %v, want %v", err, how.want)
				}
				if how.name == "dies" {
					before-- // its end of the connection
				}
				if after := descriptors(t); after != before {
					t.Errorf("%d descriptors, %d before", after, before)
				}
			})
		}
	}
}

// patience is short where the other side hangs.
func patience(want error) Patience {
	if want == os.ErrDeadlineExceeded {
		return short
	}
	return Patience{}
}

// give is the giver's part.
func give(conn *net.UnixConn, list []Socket, p Patience) error {
	giving, err := Answer(conn, older, p)
	if err != nil {
		return err
	}
	if err := giving.Offer(list); err != nil {
		return err
	}
	if err := giving.Yield([]byte("{}")); err != nil {
		return err
	}
	return giving.Commit()
}

// takeUntil is the taker's part up to a step, and then an end. A giver with a short patience may end it sooner.
func takeUntil(conn *net.UnixConn, step int, end func(*wire)) {
	w, err := newWire(conn)
	if err != nil {
		panic(err)
	}
	if step > 0 {
		taking, got, err := Ask(conn, newer, Patience{})
		if err != nil {
			return
		}
		for _, s := range got {
			s.File.Close()
		}
		if step > 1 {
			if _, err := taking.Take(); err != nil {
				return
			}
		}
	}
	end(w)
}

// TestGiverFails has a giver go away, or give up, before each of its words.
func TestGiverFails(t *testing.T) {
	for _, how := range []struct {
		name string
		end  func(*wire)
		want error
	}{
		{"dies", func(w *wire) { w.conn.Close() }, ErrGone},
		{"hangs", func(*wire) {}, os.ErrDeadlineExceeded},
		{"talks nonsense", func(w *wire) { w.conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) }, errMalformed},
		{"is of another version", func(w *wire) { w.conn.Write([]byte{'S', 'H', 9, 1, 0, 0, 0, 0}) }, nil},
	} {
		for i, step := range []string{"offer", "sockets", "state", "done"} {
			t.Run(how.name+" before "+step, func(t *testing.T) {
				giver, taker := pair(t)
				list, _ := sockets(t, batch+3)
				before := descriptors(t)
				ended := make(chan struct{})
				go func() { giveUntil(giver, list, i, how.end); close(ended) }()
				err := take(taker, patience(how.want))
				taker.Close()
				<-ended
				if err == nil || how.want != nil && !errors.Is(err, how.want) {
					t.Errorf("the taker learns %v, want %v", err, how.want)
				}
				before-- // the taker's end
				if how.name == "dies" {
					before--
				}
				if after := descriptors(t); after != before {
					t.Errorf("%d descriptors, %d before", after, before)
				}
			})
		}
	}
}

func take(conn *net.UnixConn, p Patience) error {
	taking, got, err := Ask(conn, newer, p)
	if err != nil {
		return err
	}
	for _, s := range got {
		s.File.Close()
	}
	if _, err := taking.Take(); err != nil {
		return err
	}
	return taking.Ready()
}

// giveUntil is the giver's part up to a step, and then an end.
func giveUntil(conn *net.UnixConn, list []Socket, step int, end func(*wire)) {
	w, err := newWire(conn)
	if err != nil {
		panic(err)
	}
	w.awaitBare(kindHello, time.Second)
	if step > 0 {
		w.send(kindOffer, offer{Process: older, Sockets: len(list)}, nil, time.Second)
		var labels []label
		var files []*os.File
		for _, s := range list[:batch] {
			labels, files = append(labels, label{Name: s.Name}), append(files, s.File)
		}
		w.send(kindSockets, labels, files, time.Second)
	}
	if step > 1 {
		var labels []label
		var files []*os.File
		for _, s := range list[batch:] {
			labels, files = append(labels, label{Name: s.Name}), append(files, s.File)
		}
		w.send(kindSockets, labels, files, time.Second)
		w.awaitBare(kindTake, time.Second)
	}
	if step > 2 {
		w.sendRaw(kindState, nil, nil, time.Second)
		w.awaitBare(kindReady, time.Second)
	}
	end(w)
}

// TestHostileOffers: what does not fit together is refused, and no descriptor stays open.
func TestHostileOffers(t *testing.T) {
	for _, c := range []struct {
		name string
		send func(w *wire, files []*os.File)
		want string
	}{
		{"more descriptors than labels", func(w *wire, files []*os.File) {
			w.send(kindOffer, offer{Sockets: 2}, nil, time.Second)
			w.send(kindSockets, []label{{Name: "a"}}, files[:2], time.Second)
		}, "2 descriptors for 1 sockets"},
		{"fewer descriptors than labels", func(w *wire, files []*os.File) {
			w.send(kindOffer, offer{Sockets: 2}, nil, time.Second)
			w.send(kindSockets, []label{{Name: "a"}, {Name: "b"}}, files[:1], time.Second)
		}, "1 descriptors for 2 sockets"},
		{"more sockets than announced", func(w *wire, files []*os.File) {
			w.send(kindOffer, offer{Sockets: 1}, nil, time.Second)
			w.send(kindSockets, []label{{Name: "a"}, {Name: "b"}}, files[:2], time.Second)
		}, "2 sockets, where 1 to 1 were left"},
		{"empty batch", func(w *wire, files []*os.File) {
			w.send(kindOffer, offer{Sockets: 1}, nil, time.Second)
			w.send(kindSockets, []label{}, nil, time.Second)
		}, "0 sockets"},
		{"absurd number", func(w *wire, files []*os.File) {
			w.send(kindOffer, offer{Sockets: 1 << 30}, nil, time.Second)
		}, "an offer of 1073741824 sockets"},
		{"negative number", func(w *wire, files []*os.File) {
			w.send(kindOffer, offer{Sockets: -1}, nil, time.Second)
		}, "an offer of -1 sockets"},
		{"descriptors with the offer", func(w *wire, files []*os.File) {
			w.send(kindOffer, offer{Sockets: 1}, files[:2], time.Second)
		}, "offer with descriptors"},
		{"too many descriptors in one message", func(w *wire, files []*os.File) {
			w.send(kindOffer, offer{Sockets: len(files)}, nil, time.Second)
			w.send(kindSockets, make([]label, batch+1), files[:batch+1], time.Second)
		}, "more than 128 descriptors"},
		{"no JSON", func(w *wire, files []*os.File) {
			w.sendRaw(kindOffer, []byte("sockets: 1"), nil, time.Second)
		}, "malformed message: offer"},
		{"endless payload", func(w *wire, files []*os.File) {
			w.conn.Write([]byte{'S', 'H', protocol, byte(kindOffer), 0xff, 0xff, 0xff, 0xff})
		}, "offer of 4294967295 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			giver, taker := pair(t)
			list, _ := sockets(t, batch+1)
			var files []*os.File
			for _, s := range list {
				files = append(files, s.File)
			}
			before := descriptors(t)
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				w, err := newWire(giver)
				if err != nil {
					panic(err)
				}
				w.awaitBare(kindHello, time.Second)
				c.send(w, files)
			}()
			_, _, err := Ask(taker, newer, Patience{})
			<-ended
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if after := descriptors(t); after != before {
				t.Errorf("%d descriptors, %d before", after, before)
			}
		})
	}
}

// TestGiverWakesUp: a giver that was asleep past its patience finds what came meanwhile.
func TestGiverWakesUp(t *testing.T) {
	giver, taker := pair(t)
	w, err := newWire(giver)
	if err != nil {
		t.Fatal(err)
	}
	other, err := newWire(taker)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.send(kindReady, nil, nil, time.Second); err != nil {
		t.Fatal(err)
	}
	if _, err := w.awaitLate(kindReady, -time.Hour); err != nil {
		t.Errorf("what had arrived was not seen: %v", err)
	}
}

func TestRefusalReachesTheTaker(t *testing.T) {
	giver, taker := pair(t)
	go func() {
		giving, err := Answer(giver, older, Patience{})
		if err != nil {
			panic(err)
		}
		giving.Abort("it is draining\x1b[2J")
	}()
	_, _, err := Ask(taker, newer, Patience{})
	refused, ok := errors.AsType[*Refusal](err)
	if !ok || refused.Reason != `"it is draining\x1b[2J"` {
		t.Errorf("got %v", err)
	}
}

// TestTakerWakesUp: a taker that was asleep while the giver gave up and went on must not take that for the giver's end, or both
// would accept.
func TestTakerWakesUp(t *testing.T) {
	for name, next := range map[string]func(*Taking) error{
		"before take":  func(t *Taking) error { _, err := t.Take(); return err },
		"before ready": (*Taking).Ready,
	} {
		t.Run(name, func(t *testing.T) {
			giver, taker := pair(t)
			at, err := newWire(giver)
			if err != nil {
				t.Fatal(err)
			}
			w, err := newWire(taker)
			if err != nil {
				t.Fatal(err)
			}
			at.giveUp("it took too long")
			giver.Close()
			err = next(&Taking{wire: w, patience: Patience{}.orDefault()})
			if refused, ok := errors.AsType[*Refusal](err); !ok || refused.Reason != "it took too long" {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestGiverSleeps: the taker of a giver that is asleep stays there for it as long as that takes, or it would wake up to find
// nobody, and go on beside the taker.
func TestGiverSleeps(t *testing.T) {
	giver, taker := pair(t)
	w, err := newWire(taker)
	if err != nil {
		t.Fatal(err)
	}
	taking := &Taking{wire: w, patience: short}
	if err := taking.Ready(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Ready = %v", err)
	}
	settled := make(chan error, 1)
	go func() { settled <- taking.Settled(0) }()
	at, err := newWire(giver)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := at.awaitLate(kindReady, time.Second); err != nil {
		t.Fatal(err)
	}
	giver.Close()
	if err := <-settled; err != nil {
		t.Errorf("Settled = %v", err)
	}
}
