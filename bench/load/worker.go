package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Event is what a worker says: that it is ready, then what came of the job; or why nothing did.
type Event struct {
	Ready  bool    `json:"ready,omitempty"`
	Result *Result `json:"result,omitempty"`
	Error  string  `json:"error,omitempty"`
}

// Go is what a worker waits for between ready and the measured part.
type Go struct{}

// Serve is the life of a worker: a job comes in; ready goes out when everything is there that has to be before the measured part; a [Go] comes in;
// the result goes out; and the next job may come. All of it is JSON. Serve returns when in ends.
func Serve(in io.Reader, out io.Writer) error {
	orders, events := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var job Job
		if err := orders.Decode(&job); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("job: %w", err)
		}
		if err := job.carryOut(orders, events); err != nil {
			return err
		}
	}
}

// carryOut returns an error only when there is nobody to tell.
func (j Job) carryOut(orders *json.Decoder, events *json.Encoder) error {
	t := newTally()
	task, err := j.task(t)
	if err != nil {
		return events.Encode(Event{Error: err.Error()})
	}
	defer task.close()
	if err := task.prepare(context.Background()); err != nil {
		return events.Encode(Event{Error: fmt.Sprintf("prepare: %s", err)})
	}
	if err := events.Encode(Event{Ready: true}); err != nil {
		return err
	}
	if err := orders.Decode(new(Go)); err != nil {
		return fmt.Errorf("go: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), j.Duration)
	defer cancel()
	t.begin()
	start := time.Now()
	if err := task.run(ctx); err != nil {
		return events.Encode(Event{Error: err.Error()})
	}
	result := t.result(time.Since(start))
	return events.Encode(Event{Result: &result})
}
