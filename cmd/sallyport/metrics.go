package main

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"sallyport/internal/admin"
)

// metrics are what the admin endpoint tells a Prometheus server.
type metrics struct {
	registry *prometheus.Registry
	duration prometheus.Histogram
	handler  http.Handler
}

// newMetrics returns metrics about what status says at the time of each request.
func newMetrics(status func() admin.Status, log *slog.Logger) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    reloadDuration,
			Help:    reloadDurationHelp,
			Buckets: []float64{0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30},
		}),
	}
	m.registry.MustRegister(
		m.duration,
		newCollector(status),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	m.handler = promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(log.Handler(), slog.LevelError),
		ErrorHandling:       promhttp.ContinueOnError, // one series that is wrong must not hide the others
		MaxRequestsInFlight: mostScrapes,
		EnableOpenMetrics:   true,
	})
	return m
}

// mostScrapes bounds what requests for metrics can cost at the same time.
const mostScrapes = 4

// reloaded notes how long a reload took, whatever came of it.
func (m *metrics) reloaded(took time.Duration) { m.duration.Observe(took.Seconds()) }

// collector makes series of a status: all of one request are of one moment, and what is gone has none.
type collector struct {
	status  func() admin.Status
	metrics []metric
	descs   []*prometheus.Desc
}

func newCollector(status func() admin.Status) *collector {
	c := &collector{status: status, metrics: statusMetrics()}
	for _, m := range c.metrics {
		c.descs = append(c.descs, prometheus.NewDesc(m.name, m.help, m.labels, nil))
	}
	return c
}

// Describe is a method of prometheus.Collector.
func (c *collector) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range c.descs {
		descs <- desc
	}
}

// Collect is a method of prometheus.Collector.
func (c *collector) Collect(series chan<- prometheus.Metric) {
	status := c.status()
	for i, m := range c.metrics {
		m.read(&status, func(value float64, labels ...string) {
			series <- prometheus.MustNewConstMetric(c.descs[i], m.kind, value, labels...)
		})
	}
}
