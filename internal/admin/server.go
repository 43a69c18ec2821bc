package admin

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// Service is the running program behind the endpoint.
type Service interface {
	Status() Status
	// Reload reads everything anew and returns when that is done, whatever came of it.
	Reload(context.Context) Reload
	// Metrics answers requests for metrics.
	Metrics() http.Handler
}

// Handler serves the endpoint's paths. With a token, every change must present it; without one,
// the listener itself must keep strangers out.
func Handler(service Service, locks Locks, upstreams Switch, token string) http.Handler {
	h := &handler{service: service, locks: locks, token: token, listing: make(chan struct{}, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", h.ready)
	mux.Handle("GET /metrics", service.Metrics())
	mux.HandleFunc("GET /api/v1/status", h.status)
	mux.HandleFunc("POST /api/v1/reload", h.reload)
	mux.HandleFunc("GET /api/v1/lockouts", h.lockouts)
	mux.HandleFunc("POST /api/v1/unlock", h.unlock)
	mux.Handle("POST /api/v1/failover", switching(upstreams.Failover))
	mux.Handle("POST /api/v1/failback", switching(upstreams.Failback))
	return h.guard(mux)
}

type handler struct {
	service Service
	locks   Locks
	token   string
	listing chan struct{} // has room for the one who is given a list of locks
}

func (h *handler) ready(w http.ResponseWriter, _ *http.Request) {
	if state := h.service.Status().State; state != StateReady {
		answer(w, http.StatusServiceUnavailable, state)
		return
	}
	answer(w, http.StatusOK, StateReady)
}

// States of the program.
const (
	StateReady    = "ready"
	StateDraining = "draining"
)

func (h *handler) status(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, http.StatusOK, h.service.Status())
}

func (h *handler) reload(w http.ResponseWriter, r *http.Request) {
	ctx := context.WithoutCancel(r.Context()) // a client that leaves must not stop it half-way
	if r.URL.Query().Get("wait") == "false" {
		go h.service.Reload(ctx)
		answer(w, http.StatusAccepted, "reloading")
		return
	}
	result := h.service.Reload(ctx)
	code := http.StatusOK
	if !result.OK {
		code = http.StatusUnprocessableEntity
	}
	answerJSON(w, code, result)
}

// guard keeps out what came through a browser by a foreign name (DNS rebinding) and changes
// without the token.
func (h *handler) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !localName(r.Host) {
			answer(w, http.StatusForbidden, "the Host header must name this host by its address, \"localhost\" or the UNIX socket")
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead && !h.authorised(r) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			answer(w, http.StatusUnauthorized, "changes need \"Authorization: Bearer TOKEN\" with the token in the state directory's "+TokenFile)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

func (h *handler) authorised(r *http.Request) bool {
	if h.token == "" {
		return true
	}
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return ok && subtle.ConstantTimeCompare([]byte(given), []byte(h.token)) == 1
}

// unixHost is the host name of requests over a UNIX socket, where there is none.
const unixHost = "sallyport"

// localName reports whether a Host header names this endpoint in a way that a foreign web page
// cannot make a browser use.
func localName(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if host == "localhost" || host == unixHost || host == "" {
		return true
	}
	_, err := netip.ParseAddr(host)
	return err == nil
}

func answer(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	w.Write([]byte(text + "\n"))
}

func answerJSON(w http.ResponseWriter, code int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.Encode(value)
}

// Server returns an HTTP server for h whose strangers have deadlines.
func Server(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
}
