package main

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"

	"sallyport/internal/config"
	"sallyport/proxy"
)

// logHandler writes records as the current configuration says; a reload changes it
// under everybody who holds the logger.
type logHandler struct {
	out     *wholeWrites
	current atomic.Pointer[logSettings]
}

type logSettings struct {
	own      slog.Handler // for what sallyport says of itself
	sessions slog.Handler // for session records, which the filter is for
	level    slog.Level
}

// newLogHandler returns a handler that writes text until it is configured.
func newLogHandler(out io.Writer) *logHandler {
	h := &logHandler{out: &wholeWrites{out: out}}
	h.configure(config.Log{Format: config.FormatText, DefaultFilter: config.ShowCopy})
	return h
}

// configure applies a [log] section.
func (h *logHandler) configure(c config.Log) {
	h.current.Store(&logSettings{
		own:      newHandler(h.out, c, nil),
		sessions: newHandler(h.out, c, attributeFilter(c)),
		level:    c.Level,
	})
}

func newHandler(out io.Writer, c config.Log, filter func([]string, slog.Attr) slog.Attr) slog.Handler {
	options := &slog.HandlerOptions{Level: c.Level, ReplaceAttr: filter}
	if c.Format == config.FormatJSON {
		return slog.NewJSONHandler(out, options)
	}
	return slog.NewTextHandler(out, options)
}

// wholeWrites keeps the records of several handlers apart: each locks only for itself.
type wholeWrites struct {
	mu  sync.Mutex
	out io.Writer
}

func (w *wholeWrites) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Write(p)
}

// masked stands for a value that the configuration hides.
const masked = "****"

// attributeFilter returns what [log] filter and default_filter do to each attribute of a session
// record, nil if that is nothing. Time, level and message are the record itself and stay.
func attributeFilter(c config.Log) func([]string, slog.Attr) slog.Attr {
	if len(c.Filter) == 0 && c.DefaultFilter == config.ShowCopy {
		return nil // a handler that asks about each attribute takes longer
	}
	rules := make(map[string]config.Show, len(c.Filter))
	for _, rule := range c.Filter {
		rules[rule.Attribute.Value] = rule.Show.Value
	}
	if show, ok := rules[proxy.KeyPeerSubject]; ok { // who hides a name does not want it shown in another form
		if _, ok := rules[proxy.KeyIdentities]; !ok {
			rules[proxy.KeyIdentities] = show
		}
	}
	return func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
			return a
		}
		show, ok := rules[a.Key]
		if !ok {
			show = c.DefaultFilter
		}
		switch show {
		case config.ShowHide:
			return slog.String(a.Key, masked)
		case config.ShowSkip:
			return slog.Attr{}
		default:
			return a
		}
	}
}

func (h *logHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.current.Load().level
}

func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	settings := h.current.Load()
	if r.Message == proxy.SessionMessage {
		return settings.sessions.Handle(ctx, r)
	}
	return settings.own.Handle(ctx, r)
}

// WithAttrs and WithGroup return handlers that do not follow later configurations; nothing here
// keeps such a logger.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.current.Load().own.WithAttrs(attrs)
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	return h.current.Load().own.WithGroup(name)
}
