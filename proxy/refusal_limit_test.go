package proxy

import (
	"testing"
	"testing/synctest"
	"time"

	"sallyport/policy"
)

// TestRefusalsAreLimited: a flood is counted, not written, and the count appears.
func TestRefusalsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var summaries []int
		r := newRefusalLimit(func(n int) { summaries = append(summaries, n) })
		written := 0
		for range refusalsAtOnce + 500 {
			if write, suppressed := r.admit(); write {
				if written++; suppressed != 0 {
					t.Errorf("%d suppressed before any was", suppressed)
				}
			}
		}
		if written != refusalsAtOnce {
			t.Errorf("%d of a burst are written, want %d", written, refusalsAtOnce)
		}
		time.Sleep(time.Second / refusalsPerSecond)
		if write, suppressed := r.admit(); !write || suppressed != 500 {
			t.Errorf("admit = %v, %d, want one that tells of 500", write, suppressed)
		}
		r.admit()
		r.admit()
		time.Sleep(refusalSummary)
		synctest.Wait()
		wantSame(t, "summaries", []int{2}, summaries)
		time.Sleep(time.Hour)
		synctest.Wait()
		wantSame(t, "summaries of a quiet hour", []int{2}, summaries)
	})
}

// TestRefusalsInTheLog: sessions that are refused at a rate show as records, one of which counts the rest.
func TestRefusalsInTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMemoryRig(t, nil)
		r.gate.Policy = decide(func(*policy.Facts) policy.Decision { return policy.Decision{Reason: "denied"} })
		const flood = refusalsAtOnce + 30
		r.limits.MaxConnections = 2 * flood
		for range flood {
			r.dialMemory()
		}
		synctest.Wait()
		for range refusalsAtOnce {
			if record := r.wantRecord(KeyReason, "denied"); record[KeySuppressed] != nil {
				t.Errorf("suppressed before any was: %v", record)
			}
		}
		r.wantNoRecord()
		time.Sleep(refusalSummary)
		synctest.Wait()
		if record := r.record(); record[KeySuppressed] != 30.0 || record["msg"] == SessionMessage {
			t.Errorf("the summary is %v, want a count of 30", record)
		}
		r.dialMemory()
		if record := r.wantRecord(KeyReason, "denied"); record[KeySuppressed] != nil {
			t.Errorf("counted twice: %v", record)
		}
	})
}
