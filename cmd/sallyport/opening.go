package main

import (
	"context"

	"sallyport/internal/config"
	"sallyport/listener"
)

// stage opens the sockets of a plan that are not open yet.
func (d *daemon) stage(ctx context.Context, next *plan) (*listener.Stage, config.Problems) {
	if problem := next.makeStateDir(); problem != nil {
		return nil, config.Problems{*problem}
	}
	var wanted []listener.Spec
	for i := range next.ports {
		wanted = append(wanted, next.ports[i].spec)
	}
	stage, err := d.sockets.Stage(ctx, wanted)
	for err != nil && d.mayYetGo() {
		stage, err = d.sockets.Stage(ctx, wanted)
	}
	if err == nil {
		return stage, nil
	}
	var problems config.Problems
	for _, open := range openErrors(err) {
		problems = append(problems, listenProblem(next, open))
	}
	if len(problems) == 0 {
		problems = append(problems, config.Problem{Pos: config.Position{File: d.path}, Message: err.Error()})
	}
	return nil, problems
}

// openErrors takes a joined error apart into the sockets that could not be opened.
func openErrors(err error) []*listener.OpenError {
	if open, ok := err.(*listener.OpenError); ok {
		return []*listener.OpenError{open}
	}
	var list []*listener.OpenError
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			list = append(list, openErrors(e)...)
		}
	}
	return list
}

// listenProblem puts an error about a socket to the key that asks for it.
func listenProblem(next *plan, open *listener.OpenError) config.Problem {
	for i := range next.ports {
		if port := &next.ports[i]; port.spec.Key() == open.Spec.Key() {
			return port.Listen.Problem(open.Problem, open.Hint)
		}
	}
	return config.Problem{Message: open.Error()}
}
