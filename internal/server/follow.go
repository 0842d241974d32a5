package server

import (
	"context"
	"fmt"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/fleetcost/fleetcost/internal/diagnose"
	"github.com/fleetcost/fleetcost/internal/ingest"
)

// follow looks at the bucket again and again. A look that fails is logged and
// shown by /readyz and /api/v1/fleet; the next one tries again, because a
// bucket that is away comes back.
func (s *Server) follow(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
		s.look(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		timer.Reset(s.cfg.PollInterval)
	}
}

// look is one look at the bucket: what users saved, what the clusters pushed, and
// who retired.
func (s *Server) look(ctx context.Context) {
	// First, because the first load may take long and its answers rest on them.
	savedErr := s.saved.load(ctx)
	report, err := s.ingest.Sync(ctx)
	if err == nil {
		err = s.retired.load(ctx)
	}
	if err == nil {
		err = savedErr
	}
	if ctx.Err() != nil {
		return
	}
	now, before := s.cfg.Now().UTC(), s.last.Load()
	last := &lastSync{at: now, err: err, since: now}
	if before != nil && before.err != nil {
		last.since = before.since
	}
	s.last.Store(last)
	if err != nil {
		s.logFailure(err, before)
		return
	}
	if first := s.ready.CompareAndSwap(false, true); first || report.Loaded > 0 || report.Quarantined > 0 || report.Forgotten > 0 {
		s.logger.Info("bucket read", "ready", true, "objects", report.Loaded, "rows", report.Rows, "bytes", report.Bytes,
			"quarantined", report.Quarantined, "forgotten", report.Forgotten, "failed", report.Failed, "took", report.Duration)
		if err := s.refresh(ctx); err != nil && ctx.Err() == nil {
			s.logger.Warn("answers could not be readied for the new data; they are computed when asked for", "error", err)
		}
	}
}

// logFailure logs a failed look. Cause and fix are said once, and again when
// they change.
func (s *Server) logFailure(err error, before *lastSync) {
	attrs := []any{"error", diagnose.Redact(err.Error()), "again_in", s.cfg.PollInterval}
	if d, ok := s.explain(err); ok {
		attrs = append(attrs, "id", d.ID, "doc", d.Doc)
		var said diagnose.Diagnosis
		if before != nil && before.err != nil {
			said, _ = s.explain(before.err)
		}
		if said.ID != d.ID {
			cause, fix := d.Say()
			attrs = append(attrs, "cause", cause, "fix", fix)
		}
	}
	s.logger.Error("the bucket could not be read; trying again", attrs...)
}

// readiness is the detail of /readyz.
func (s *Server) readiness() any {
	out := struct {
		Progress ingest.Progress `json:"progress"`
		Summary  string          `json:"summary"`
		LastSync *time.Time      `json:"lastSync,omitempty"`
		Error    string          `json:"error,omitempty"`
		Storage  string          `json:"storageConfigRefused,omitempty"`
	}{Progress: s.ingest.Progress()}
	out.Summary = progressLine(out.Progress)
	if last := s.last.Load(); last != nil {
		out.LastSync = &last.at
		if last.err != nil {
			out.Error = diagnose.Redact(last.err.Error())
		}
	}
	if s.refused != nil {
		if err := s.refused(); err != nil {
			out.Storage = err.Error()
		}
	}
	return out
}

const mib = 1 << 20

func progressLine(p ingest.Progress) string {
	switch p.Phase {
	case ingest.PhaseLoading:
		return fmt.Sprintf("%d of %d objects, %.1f of %.1f MiB, %d rows", p.ObjectsDone, p.Objects,
			float64(p.BytesFetched)/mib, float64(p.Bytes)/mib, p.Rows)
	case ingest.PhaseDiscovering:
		return "listing the bucket"
	}
	if p.Ready {
		return "loaded"
	}
	return "not begun"
}

// How often progress is shown: on a terminal as a bar, otherwise in the log.
const (
	barEvery = 200 * time.Millisecond
	logEvery = 10 * time.Second
)

// showProgress tells how the first load goes, then waits for the end.
func (s *Server) showProgress(ctx context.Context) error {
	every, show, done := logEvery, s.logProgress, func() {}
	if s.cfg.Progress != nil {
		bar := progressbar.NewOptions(-1,
			progressbar.OptionSetWriter(s.cfg.Progress), progressbar.OptionSetDescription("loading the bucket (objects)"),
			progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish())
		every = barEvery
		show = func(p ingest.Progress) {
			if p.Phase == ingest.PhaseLoading && p.Objects > 0 {
				bar.ChangeMax(p.Objects)
				_ = bar.Set(p.ObjectsDone) // a bar that cannot be drawn must not stop the server
			}
		}
		done = func() { _ = bar.Finish() }
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for !s.ready.Load() {
		select {
		case <-ctx.Done():
			done()
			return ctx.Err()
		case <-tick.C:
			if !s.ready.Load() {
				show(s.ingest.Progress())
			}
		}
	}
	done()
	<-ctx.Done()
	return ctx.Err()
}

func (s *Server) logProgress(p ingest.Progress) {
	s.logger.Info("loading the bucket", "phase", p.Phase, "objects_done", p.ObjectsDone, "objects", p.Objects,
		"bytes_fetched", p.BytesFetched, "bytes", p.Bytes, "rows", p.Rows)
}
