package push

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
)

// readStatus reads status.json as the bucket has it.
func (p *Pusher) readStatus(ctx context.Context) error {
	key := costfile.StatusKey(p.cfg.ClusterID)
	data, etag, err := p.readDocument(ctx, key)
	if err != nil && !errors.Is(err, bucket.ErrDenied) {
		return err
	}
	p.status = stored[costfile.Status]{etag: etag}
	if etag == "" {
		return nil
	}
	if err := json.Unmarshal(data, &p.status.value); err != nil {
		p.logger.Error("status.json is damaged and is written anew", "err", err)
		p.status.value = costfile.Status{}
		return nil
	}
	if major, _, _ := strings.Cut(p.status.value.Version, "."); major != strconv.Itoa(costfile.Major) {
		return fmt.Errorf("%s is of format %q, this agent writes %d.x; upgrade the agent: %w", key, p.status.value.Version, costfile.Major, costfile.ErrVersion)
	}
	return nil
}

// adoptStatus takes over what status.json says and the process does not know
// itself: days, and the count of dropped hours.
func (p *Pusher) adoptStatus() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spool.dropped = max(p.spool.dropped, p.status.value.Spool.Dropped)
	for day, s := range p.status.value.Days {
		if have := p.days[day]; have != nil && (have.checked || have.generation >= s.Generation) {
			continue
		}
		d := &dayState{generation: s.Generation, objects: s.Objects}
		for _, h := range s.Hours {
			d.hours = append(d.hours, costfile.HourMeta{Hour: h.Hour, Coverage: h.Coverage, Partial: h.Partial})
		}
		sortHours(d.hours)
		p.days[day] = d
	}
}

// nextGeneration begins a push: generations grow, by the clock where it does.
func (p *Pusher) nextGeneration() {
	p.generation = max(p.cfg.Now().UnixMicro(), p.generation+1, p.status.value.Generation+1)
}

// pushStatus writes status.json, after everything it speaks of.
func (p *Pusher) pushStatus(ctx context.Context, live costfile.LiveStatus, fill func(*costfile.Status)) error {
	key := costfile.StatusKey(p.cfg.ClusterID)
	for attempt := range maxAttempts {
		if err := pause(ctx, attempt); err != nil {
			return err
		}
		if attempt > 0 {
			p.metrics.conflicts.Inc()
			if err := p.readStatus(ctx); err != nil {
				return err
			}
			p.adoptStatus()
			p.nextGeneration()
		}
		next := p.buildStatus(live, fill)
		data, err := json.MarshalIndent(next, "", " ")
		if err != nil {
			return fmt.Errorf("encode status: %w", err)
		}
		obj, err := p.writeDocument(ctx, key, append(data, '\n'), p.status.etag)
		if errors.Is(err, bucket.ErrPrecondition) {
			continue
		}
		if err != nil {
			return err
		}
		p.status = stored[costfile.Status]{value: *next, etag: obj.ETag}
		return nil
	}
	return fmt.Errorf("write %s: other writers changed it %d times in a row: %w", key, maxAttempts, bucket.ErrPrecondition)
}

func (p *Pusher) buildStatus(live costfile.LiveStatus, fill func(*costfile.Status)) *costfile.Status {
	s := &costfile.Status{
		Version:   fmt.Sprintf("%d.%d", costfile.Major, costfile.Minor),
		ClusterID: p.cfg.ClusterID, OwnerUID: p.cfg.Owner.UID, AgentVersion: p.cfg.Writer, Currency: p.cfg.Currency,
		StartedAt: p.started, PushedAt: p.cfg.Now().UTC(), Generation: p.generation,
		Days: map[cost.Day]costfile.DayStatus{}, Live: live,
	}
	if fill != nil {
		fill(s)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	days := slices.Sorted(maps.Keys(p.days))
	for _, day := range days[max(0, len(days)-HorizonDays):] {
		d := p.days[day]
		s.Days[day] = costfile.DayStatus{Generation: d.generation, Hours: hourStatuses(d.hours), Objects: d.objects}
	}
	s.Spool = costfile.SpoolStatus{Days: len(p.spool.days), Bytes: p.spool.bytes(), Dropped: p.spool.dropped}
	for _, x := range p.problems {
		s.Problems = append(s.Problems, x)
	}
	slices.SortStableFunc(s.Problems, func(a, b costfile.Problem) int { return cmp.Compare(a.Code, b.Code) })
	return s
}

func hourStatuses(hours []costfile.HourMeta) []costfile.HourStatus {
	var out []costfile.HourStatus
	for _, h := range hours {
		out = append(out, costfile.HourStatus{Hour: h.Hour, Coverage: h.Coverage, Partial: h.Partial})
	}
	return out
}
