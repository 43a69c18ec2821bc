package listener

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Listener returns the socket that serves spec once the stage is committed; nil if it is not among the wanted.
func (st *Stage) Listener(spec Spec) *Listener { return st.next[spec.Key()] }
