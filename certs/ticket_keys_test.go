package certs

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"
)

// nextProcess hands the keys over as two processes do.
func (w *world) nextProcess() {
	w.t.Helper()
	data, err := json.Marshal(w.r.TicketKeys())
	if err != nil {
		w.t.Fatal(err)
	}
	var keys []TicketKeys
	if err := json.Unmarshal(data, &keys); err != nil {
		w.t.Fatal(err)
	}
	w.r = &Resumption{Now: w.r.Now}
	w.r.Adopt(keys)
}

func TestTicketKeysRotate(t *testing.T) {
	now := testNow
	keys := newTicketKeys(func() time.Time { return now })
	for day := range 10 {
		keys.fresh()
		newest := keys.keys[0].Key
		now = now.Add(ticketKeyInUse - time.Second)
		if keys.fresh(); !bytes.Equal(keys.keys[0].Key, newest) {
			t.Fatalf("day %d: rotated too early", day)
		}
		now = now.Add(time.Second)
		if keys.fresh(); bytes.Equal(keys.keys[0].Key, newest) {
			t.Fatalf("day %d: not rotated", day)
		}
		if want := min(day+2, 7); len(keys.keys) != want {
			t.Errorf("day %d: %d keys, want %d", day, len(keys.keys), want)
		}
	}
}

// TestAdoptOfBadKeys: what comes from another version, or from a clock that was set, must not weaken or break anything.
func TestAdoptOfBadKeys(t *testing.T) {
	bothVersions(t, func(t *testing.T, w *world) {
		w.connect("p", w.server)
		keys := w.r.TicketKeys()
		if len(keys) != 1 || len(keys[0].Keys) != 1 {
			t.Fatalf("got %d scopes", len(keys))
		}
		good := keys[0]
		for name, spoil := range map[string]func(k *TicketKeys){
			"short key":    func(k *TicketKeys) { k.Keys = []TicketKey{{Key: make([]byte, 16), Made: w.now}} },
			"of tomorrow":  func(k *TicketKeys) { k.Keys = []TicketKey{{Key: good.Keys[0].Key, Made: w.now.Add(time.Hour)}} },
			"too old":      func(k *TicketKeys) { k.Keys = []TicketKey{{Key: good.Keys[0].Key, Made: w.now.AddDate(0, 0, -8)}} },
			"none":         func(k *TicketKeys) { k.Keys = nil },
			"short trust":  func(k *TicketKeys) { k.Trust = []byte("x") },
			"unknown auth": func(k *TicketKeys) { k.ClientAuth = "maybe" },
		} {
			spoiled := good
			spoil(&spoiled)
			w.r = &Resumption{Now: w.r.Now}
			w.r.Adopt([]TicketKeys{spoiled})
			if w.connect("p", w.server) {
				t.Errorf("%s: resumed", name)
			}
			if !w.connect("p", w.server) {
				t.Errorf("%s: the next session is not resumed", name)
			}
			w.r.Adopt([]TicketKeys{good}) // for the next one to have a ticket of these
			w.connect("p", w.server)
		}
	})
}
