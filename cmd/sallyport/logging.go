package main

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"

	"sallyport/internal/config"
)

// logHandler writes records as the current configuration says; a reload changes it
// under everybody who holds the logger.
type logHandler struct {
	out     io.Writer
	current atomic.Pointer[logSettings]
}

type logSettings struct {
	handler slog.Handler
	level   slog.Level
}

// newLogHandler returns a handler that writes text until it is configured.
func newLogHandler(out io.Writer) *logHandler {
	h := &logHandler{out: out}
	h.configure(config.Log{Format: config.FormatText, DefaultFilter: config.ShowCopy})
	return h
}

// configure applies a [log] section.
func (h *logHandler) configure(c config.Log) {
	options := &slog.HandlerOptions{Level: c.Level, ReplaceAttr: attributeFilter(c)}
	settings := &logSettings{level: c.Level}
	if c.Format == config.FormatJSON {
		settings.handler = slog.NewJSONHandler(h.out, options)
	} else {
		settings.handler = slog.NewTextHandler(h.out, options)
	}
	h.current.Store(settings)
}

// masked stands for a value that the configuration hides.
const masked = "****"

// attributeFilter returns what [log] filter and default_filter do to each attribute. Time, level
// and message are the record itself and stay.
func attributeFilter(c config.Log) func([]string, slog.Attr) slog.Attr {
	rules := make(map[string]config.Show, len(c.Filter))
	for _, rule := range c.Filter {
		rules[rule.Attribute.Value] = rule.Show.Value
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
	return h.current.Load().handler.Handle(ctx, r)
}

// WithAttrs and WithGroup return handlers that do not follow later configurations; nothing here
// keeps such a logger.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.current.Load().handler.WithAttrs(attrs)
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	return h.current.Load().handler.WithGroup(name)
}
