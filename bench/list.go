package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"

	"sallyport/bench/subject"
)

// list says what there is to measure.
func list(ctx context.Context, out io.Writer) error {
	for _, w := range workloads() {
		mark := " "
		if w.quick {
			mark = "q"
		}
		fmt.Fprintf(out, "%s %-18s %s\n", mark, w.Name, w.Title)
		for _, v := range w.variants {
			fmt.Fprintf(out, "  %-18s   beside it: %s\n", "", v.name)
		}
	}
	fmt.Fprint(out, "\nq: part of a quick run\n\nagainst:\n")
	for _, p := range subject.Peers() {
		version, err := p.Version(ctx)
		if errors.Is(err, exec.ErrNotFound) {
			version = "not installed"
		} else if err != nil {
			version = err.Error()
		}
		fmt.Fprintf(out, "  %-18s %s\n", p.Name(), version)
	}
	return nil
}
