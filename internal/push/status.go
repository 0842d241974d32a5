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

// readStatus reads status.json as the bucket has it and takes over what it
// says that the process does not know.
func (p *Pusher) readStatus(ctx context.Context) error {
	was, err := p.readDocument(ctx, costfile.StatusKey(p.cfg.ClusterID))
	if err != nil {
		return err
	}
	return p.adoptStatus(was)
}

// adoptStatus takes over what a status says and the process does not know, or
// knows less well: the days that another pusher changed later, the count of
// dropped hours, the last generation.
func (p *Pusher) adoptStatus(was document) error {
	p.status = document{etag: was.etag, denied: was.denied}
	var st costfile.Status
	if was.etag == "" {
		return nil
	}
	if err := json.Unmarshal(was.data, &st); err != nil {
		p.logger.Error("status.json is damaged and is written anew", "err", err)
		return nil
	}
	if major, _, _ := strings.Cut(st.Version, "."); major != strconv.Itoa(costfile.Major) {
		return fmt.Errorf("read %s: it is of format %q, this agent writes %d.x; upgrade the agent: %w",
			costfile.StatusKey(p.cfg.ClusterID), st.Version, costfile.Major, costfile.ErrVersion)
	}
	p.generation = max(p.generation, st.Generation)
	if !p.ready {
		p.liveStatus = st.Live
		p.before = costfile.Status{Source: st.Source, Provider: st.Provider, Region: st.Region}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spool.dropped = max(p.spool.dropped, st.Spool.Dropped)
	for day, s := range st.Days {
		if have := p.days[day]; have != nil && have.generation >= s.Generation {
			continue
		}
		d := &dayState{generation: s.Generation, objects: s.Objects}
		for _, h := range s.Hours {
			d.hours = append(d.hours, costfile.HourMeta{Hour: h.Hour, Coverage: h.Coverage, Partial: h.Partial})
		}
		sortHours(d.hours)
		p.days[day] = d
	}
	return nil
}

// nextGeneration begins a push: generations grow, by the clock where it does.
func (p *Pusher) nextGeneration() {
	p.generation = max(p.cfg.Now().UnixMicro(), p.generation+1)
}

// pushStatus writes status.json, after everything it speaks of. It is not read
// first, since this process is most likely the last that wrote it.
func (p *Pusher) pushStatus(ctx context.Context, fill func(*costfile.Status)) error {
	key := costfile.StatusKey(p.cfg.ClusterID)
	denied := false
	for attempt := range maxAttempts {
		if err := pause(ctx, attempt); err != nil {
			return err
		}
		if attempt > 0 {
			p.metrics.conflicts.Inc()
			if err := p.readStatus(ctx); err != nil {
				return err
			}
			if p.status.denied != nil && denied {
				return p.explainDenied(ctx, key, p.status.denied)
			}
			p.nextGeneration()
		}
		data, err := json.Marshal(p.buildStatus(fill))
		if err != nil {
			return fmt.Errorf("encode status: %w", err)
		}
		obj, err := p.writeDocument(ctx, key, data, p.status)
		if errors.Is(err, bucket.ErrPrecondition) {
			denied = p.status.denied != nil
			continue
		}
		if err == nil {
			p.status = document{etag: obj.ETag}
		}
		return err
	}
	return p.errBusy(key)
}

func (p *Pusher) buildStatus(fill func(*costfile.Status)) *costfile.Status {
	s := &costfile.Status{
		Version:   fmt.Sprintf("%d.%d", costfile.Major, costfile.Minor),
		ClusterID: p.cfg.ClusterID, OwnerUID: p.cfg.Owner.UID, AgentVersion: p.cfg.Writer, Currency: p.cfg.Currency,
		StartedAt: p.started, PushedAt: p.cfg.Now().UTC(), Generation: p.generation,
		Days: map[cost.Day]costfile.DayStatus{}, Live: p.liveStatus,
		// Until the source answers, what is known of it is what was.
		Source: p.before.Source, Provider: p.before.Provider, Region: p.before.Region,
	}
	if fill != nil {
		fill(s)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, day := range listed(p.days) {
		d := p.days[day]
		s.Days[day] = costfile.DayStatus{Generation: d.generation, Hours: hourStatuses(d.hours), Objects: d.objects}
	}
	s.Spool.Dropped = p.spool.dropped
	for _, d := range p.spool.days {
		if !d.confirmed {
			s.Spool.Days++
			s.Spool.Bytes += d.size
		}
	}
	for _, x := range p.problems {
		s.Problems = append(s.Problems, x)
	}
	slices.SortStableFunc(s.Problems, func(a, b costfile.Problem) int { return cmp.Compare(a.Code, b.Code) })
	return s
}

// listed returns the days that status.json names: the newest, and those that
// changed last. It bounds a document that is written at every push and read by
// every server; what it does not name a server finds in its next full sweep.
func listed(days map[cost.Day]*dayState) []cost.Day {
	all := slices.Sorted(maps.Keys(days))
	split := max(0, len(all)-HorizonDays)
	older, out := all[:split], all[split:]
	slices.SortFunc(older, func(a, b cost.Day) int {
		return cmp.Or(cmp.Compare(days[b].generation, days[a].generation), cmp.Compare(b, a))
	})
	return append(slices.Clone(out), older[:min(len(older), ChangedDays)]...)
}

func hourStatuses(hours []costfile.HourMeta) []costfile.HourStatus {
	var out []costfile.HourStatus
	for _, h := range hours {
		out = append(out, costfile.HourStatus{Hour: h.Hour, Coverage: h.Coverage, Partial: h.Partial})
	}
	return out
}
