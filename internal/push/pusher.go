package push

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
)

// maxLive is how many hours the live set keeps in memory. Older ones stay in
// the bucket's live object until a daily object holds them.
const maxLive = 6

// Pusher brings one cluster's hours to the bucket. All methods are safe for
// concurrent use; Start, Missing and Push do their work one at a time.
type Pusher struct {
	cfg     Config
	bucket  bucket.Bucket
	logger  *slog.Logger
	metrics *metrics
	started time.Time

	turn chan struct{} // holds a token while nobody talks to the bucket

	// Only the holder of the turn uses these.
	ready      bool // Start did its work
	caps       bucket.Capabilities
	status     document // status.json as last read or written, without its data
	generation int64    // of the last push
	liveStatus costfile.LiveStatus
	before     costfile.Status // what the process before said of its source
	archived   bool            // this push saw an object in an archive storage class

	mu       sync.Mutex
	spool    *spool
	live     map[cost.Hour]*Hour
	days     map[cost.Day]*dayState
	problems map[string]costfile.Problem
}

// New opens the spool and verifies what an earlier process left there. It does
// not talk to the bucket. A nil registry keeps the metrics to itself.
func New(cfg Config, b bucket.Bucket, logger *slog.Logger, reg prometheus.Registerer) (*Pusher, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	m, err := newMetrics(reg)
	if err != nil {
		return nil, fmt.Errorf("register metrics of push: %w", err)
	}
	s, err := openSpool(spoolDir(cfg.SpoolDir, cfg.ClusterID), cfg.SpoolDays, cfg.SpoolBytes)
	if err != nil {
		return nil, err
	}
	p := &Pusher{
		cfg: cfg, bucket: b, logger: logger, metrics: m, started: cfg.Now().UTC(),
		turn:  make(chan struct{}, 1),
		spool: s, live: map[cost.Hour]*Hour{}, days: map[cost.Day]*dayState{}, problems: map[string]costfile.Problem{},
	}
	p.turn <- struct{}{}
	for _, name := range s.torn {
		p.problem(problemTornSpool, "a file of the spool was damaged and put aside: "+name,
			"check the disk of "+s.dir+"; the hours are computed again where the source still has them")
	}
	p.mu.Lock()
	p.observeSpool()
	p.mu.Unlock()
	return p, nil
}

// errClosed is returned by every method of a closed pusher.
var errClosed = errors.New("pusher is closed")

// Close waits for a push to end and frees the spool directory. What is in the
// spool stays there.
func (p *Pusher) Close() error {
	<-p.turn
	defer func() { p.turn <- struct{}{} }()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.spool.unlock != nil {
		p.spool.unlock()
		p.spool.unlock = nil
	}
	return nil
}

// lock waits for the turn to talk to the bucket.
func (p *Pusher) lock(ctx context.Context) (unlock func(), err error) {
	select {
	case <-p.turn:
		p.mu.Lock()
		closed := p.spool.unlock == nil
		p.mu.Unlock()
		if closed {
			p.turn <- struct{}{}
			return nil, errClosed
		}
		return func() { p.turn <- struct{}{} }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Add takes closed hours, of any days. When it returns nil they are durable in
// the spool. An hour that is not better than what the spool or the bucket has
// of it is left out. On an error some days may be durable; giving the same
// hours again is always right. ErrSpoolFull says that there is no room: push,
// then add them again.
func (p *Pusher) Add(ctx context.Context, hours ...Hour) error {
	byDay := map[cost.Day][]*Hour{}
	for i := range hours {
		h := hours[i] // a copy, so that keeping one hour does not keep them all
		if err := h.prepare(p.cfg.ClusterID); err != nil {
			return fmt.Errorf("add to spool: %w", err)
		}
		byDay[h.Hour.Day()] = append(byDay[h.Hour.Day()], &h)
	}
	days := slices.Sorted(maps.Keys(byDay))
	slices.Reverse(days)
	var errs []error
	for _, day := range days {
		if err := ctx.Err(); err != nil {
			return errors.Join(append(errs, err)...)
		}
		if err := p.addDay(day, byDay[day]); err != nil {
			errs = append(errs, fmt.Errorf("add to spool: %w", err))
		}
	}
	return errors.Join(errs...)
}

func (p *Pusher) addDay(day cost.Day, hours []*Hour) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.spool.unlock == nil {
		return errClosed
	}
	defer p.observeSpool()
	fresh := map[cost.Hour]*Hour{} // the best of each hour, once
	for _, h := range hours {
		if known, ok := p.days[day].hour(h.Hour); ok && !h.Better(known) {
			if h.Coverage < known.Coverage {
				p.logger.Info("hour kept as it is: the new version covers less", "hour", h.Hour.String(), "coverage", h.Coverage, "kept", known.Coverage)
			}
			continue
		}
		if prev := fresh[h.Hour]; prev == nil || h.Better(prev.HourMeta) {
			fresh[h.Hour] = h
		}
		if open := p.live[h.Hour]; open != nil && h.Better(open.HourMeta) {
			p.live[h.Hour] = h // until the daily object is confirmed
		}
	}
	gone, err := p.spool.add(day, p.meta(hours), slices.Collect(maps.Values(fresh)))
	gone = slices.DeleteFunc(gone, func(h cost.Hour) bool {
		_, ok := p.days[h.Day()].hour(h)
		return ok // only a newer version of it is gone
	})
	if len(gone) > 0 {
		err = errors.Join(err, p.spool.drop(len(gone)))
		p.metrics.dropped.Add(float64(len(gone)))
		p.logger.Error("spool is full: the oldest hours were dropped and count as missing",
			"hours", len(gone), "from", gone[0].String(), "to", gone[len(gone)-1].String())
		p.setProblem(problemSpoolFull, fmt.Sprintf("the spool is full; %d hours were dropped so far, the oldest first", p.spool.dropped),
			"make the bucket reachable, or give the spool more days or bytes; dropped hours are computed again where the source still has them")
	}
	if err != nil {
		p.metrics.spoolErrors.Inc()
	}
	return err
}

// meta is what every object of this cluster says of itself.
func (p *Pusher) meta(hours []*Hour) costfile.Meta {
	m := costfile.Meta{Cluster: p.cfg.ClusterID, Currency: p.cfg.Currency, Writer: p.cfg.Writer}
	for _, h := range hours {
		m.LabelNames = union(m.LabelNames, h.LabelNames)
	}
	return m
}

// SetLive gives the hours that are not closed yet, as far as they got. Hours
// given before stay live until a daily object that holds them is confirmed. An
// invalid hour is reported at the next Push.
func (p *Pusher) SetLive(hours ...Hour) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range hours {
		h := hours[i]
		if err := h.prepare(p.cfg.ClusterID); err != nil {
			p.logger.Error("live hour refused", "err", err)
			p.setProblem(problemLive, err.Error(), "report this: it is a fault of the agent")
			continue
		}
		if old := p.live[h.Hour]; old == nil || h.Better(old.HourMeta) {
			p.live[h.Hour] = &h
		}
	}
	keys := slices.Sorted(maps.Keys(p.live))
	for _, h := range keys[:max(0, len(keys)-maxLive)] {
		delete(p.live, h)
	}
}

func (p *Pusher) observeSpool() {
	p.metrics.spoolFiles.Set(float64(len(p.spool.days)))
	p.metrics.spoolBytes.Set(float64(p.spool.bytes()))
}
