package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"sallyport/internal/config"
	"sallyport/internal/firewall"
	"sallyport/policy"
)

// matrixReader makes the matrix that the flags of exports and audits ask for.
type matrixReader struct {
	flags  *exportFlags
	path   string // of the configuration
	stderr io.Writer
}

// matrix reads the configuration and makes the matrix that was asked for.
func (r *matrixReader) matrix(ctx context.Context) (*firewall.Matrix, error) {
	asked, err := r.flags.understand()
	if err != nil {
		return nil, err
	}
	read, problems := readIntent(r.path)
	if failing := problems.Errors(); read == nil || len(failing) > 0 {
		printProblems(r.stderr, failing)
		return nil, fail(fmt.Errorf("%s: %s: what does not start is not exported", r.path, tally(failing)))
	}
	in, err := asked.input(ctx, read)
	if err != nil {
		return nil, err
	}
	m, err := firewall.Build(in)
	if err != nil {
		return nil, fail(hinted(err))
	}
	return m, nil
}

// hinted adds to an error of the matrix which flag would help.
func hinted(err error) error {
	if !errors.Is(err, firewall.ErrWhere) {
		return err
	}
	return fmt.Errorf("%w\n  hint: --reached-at ADDRESS says it for all ports, --reached-at APPLICATION/PORT=ADDRESS[:PORT] for one", err)
}

// intent is what configuration and policy say. Certificates do not belong to it, nor does the host: a policy is reviewed, and its firewall
// rules are made, where neither is at hand.
type intent struct {
	config *config.Config
	policy *policy.Set
	hash   string // of the policy
}

// readIntent reads a configuration and its policy, and runs the policy's tests: while one fails, it does not come into force anywhere. The intent is
// nil if either could not be read; if there are errors among the problems, nothing would start with it.
func readIntent(path string) (*intent, config.Problems) {
	cfg, problems := config.Load(path)
	if cfg == nil || problems.HasErrors() {
		return nil, problems
	}
	files, set, found := compilePolicy(cfg, time.Now())
	problems = append(problems, found...)
	if set == nil {
		cfg.Sort(problems)
		return nil, problems
	}
	problems = append(problems, files.Problems(set.RunTests())...)
	cfg.Sort(problems)
	return &intent{config: cfg, policy: set, hash: files.Hash}, problems
}
