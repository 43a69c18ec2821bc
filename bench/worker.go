package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"

	"sallyport/bench/backend"
	"sallyport/bench/load"
	"sallyport/bench/meter"
	"sallyport/bench/pin"
	"sallyport/bench/subject"
)

// The roles that this program plays in processes of their own, so that each has its own processor and its own account.
const (
	roleLoad    = "load"
	roleBackend = "backend"
	roleDirect  = "direct" // with a file
)

// play carries out a role if the arguments of the program ask for one: until the parent has no more to say, or ends us.
func play(args []string) (played bool, err error) {
	switch {
	case len(args) == 1 && args[0] == roleLoad:
		return true, load.Serve(os.Stdin, os.Stdout)
	case len(args) == 1 && args[0] == roleBackend:
		return true, serveBackend(os.Stdin, os.Stdout)
	case len(args) == 2 && args[0] == roleDirect:
		return true, subject.ServeDirect(args[1])
	default:
		return false, nil
	}
}

// serveBackend says where it listens, and ends with its parent.
func serveBackend(in io.Reader, out io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go backend.Serve(l, func(err error) { fmt.Fprintln(os.Stderr, "bench: backend:", err) })
	if err := json.NewEncoder(out).Encode(l.Addr().String()); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, in)
	return err
}

// worker is a process of ours that plays a role.
type worker struct {
	tree   meter.Tree
	cmd    *exec.Cmd
	in     io.WriteCloser
	orders *json.Encoder
	events *json.Decoder
}

// errGone says that a worker is no longer there, without which nothing can be measured.
var errGone = errors.New("its process has ended")

// startWorker starts a role on a processor.
func startWorker(role string, cpu int) (*worker, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, role)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := pin.Start(cmd, cpu); err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	return &worker{
		tree:   meter.Tree{PID: cmd.Process.Pid},
		cmd:    cmd,
		in:     in,
		orders: json.NewEncoder(in),
		events: json.NewDecoder(out),
	}, nil
}

// kill ends the process at once, so that whoever waits for an answer gets an error.
func (w *worker) kill() { w.cmd.Process.Kill() }

// stop ends the process: it ends with what it reads.
func (w *worker) stop() error {
	w.in.Close()
	return w.cmd.Wait()
}

// prepare gives a load worker its job and waits until everything is ready for the measured part.
func (w *worker) prepare(job load.Job) error {
	if err := w.orders.Encode(job); err != nil {
		return fmt.Errorf("load: %w: %w", errGone, err)
	}
	event, err := w.event()
	if err == nil && !event.Ready {
		err = errors.New("load: not ready")
	}
	return err
}

// measured has the load do the measured part.
func (w *worker) measured() (load.Result, error) {
	if err := w.orders.Encode(load.Go{}); err != nil {
		return load.Result{}, fmt.Errorf("load: %w: %w", errGone, err)
	}
	event, err := w.event()
	if err != nil {
		return load.Result{}, err
	}
	if event.Result == nil {
		return load.Result{}, errors.New("load: no result")
	}
	return *event.Result, nil
}

func (w *worker) event() (load.Event, error) {
	var event load.Event
	if err := w.events.Decode(&event); err != nil {
		return event, fmt.Errorf("load: %w: %w", errGone, err)
	}
	if event.Error != "" {
		return event, fmt.Errorf("load: %s", event.Error)
	}
	return event, nil
}
