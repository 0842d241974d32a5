package push

import (
	"context"
	"maps"
	"slices"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
)

// confirmed tells whether a daily object holds an hour, so that the live
// object may leave it out.
func (p *Pusher) confirmed(h costfile.HourMeta) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	daily, ok := p.days[h.Hour.Day()].hour(h.Hour)
	return ok && (!daily.Partial || !h.Better(daily))
}

// pushLive brings the live objects up to date: what they hold and what SetLive
// gave, without what daily objects hold.
func (p *Pusher) pushLive(ctx context.Context) (Report, error) {
	p.mu.Lock()
	hours := slices.Collect(maps.Values(p.live))
	p.mu.Unlock()
	var metas []costfile.HourMeta
	for _, h := range hours {
		metas = append(metas, h.HourMeta)
	}
	sortHours(metas)

	var rep Report
	status := costfile.LiveStatus{Objects: map[costfile.Dataset]costfile.ObjectStatus{}}
	for _, ds := range costfile.Datasets {
		meta := p.meta(hours)
		meta.Dataset, meta.Live = ds, true
		res, err := p.update(ctx, target{
			key: costfile.LiveKey(ds, p.cfg.ClusterID), meta: meta, hours: metas, drop: p.confirmed,
			rows: func(keep map[cost.Hour]bool) input { return input{hours: hours, keep: keep} },
		})
		if err != nil {
			return rep, err
		}
		rep.count(&res)
		if !res.absent {
			status.Objects[ds] = res.status()
		}
		status.Hours = hourStatuses(res.meta.Hours) // the last is the allocation's
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for h, x := range p.live {
		if daily, ok := p.days[h.Day()].hour(h); ok && (!daily.Partial || !x.Better(daily)) {
			delete(p.live, h)
		}
	}
	p.liveStatus = status
	return rep, nil
}

// foldLive moves the hours of the live objects that are over into the spool,
// and so into their days: whoever wrote them may never come back. What the
// source did not cover whole is marked partial, so that it counts as missing.
func (p *Pusher) foldLive(ctx context.Context) error {
	var objects [len(costfile.Datasets)]*fetched
	defer func() {
		for _, f := range objects {
			if f != nil {
				f.close()
			}
		}
	}()
	for i, ds := range costfile.Datasets {
		f, err := p.fetch(ctx, costfile.LiveKey(ds, p.cfg.ClusterID), costfile.Meta{Dataset: ds, Cluster: p.cfg.ClusterID, Live: true})
		if err != nil {
			return err
		}
		objects[i] = f
	}
	now := cost.HourOf(p.cfg.Now())
	var found []*Hour
	for _, m := range objects[len(objects)-1].meta.Hours {
		if m.Hour >= now || !p.foldable(m, objects) {
			continue
		}
		m.Partial = m.Partial || m.Coverage < 3600
		found = append(found, &Hour{HourMeta: m})
	}
	if len(found) == 0 {
		return nil
	}
	if err := readHours(found, objects); err != nil {
		return err
	}
	hours := make([]Hour, 0, len(found))
	for _, h := range found {
		h.LabelNames = objects[len(objects)-1].meta.LabelNames
		hours = append(hours, *h)
		p.logger.Info("live hour found; it goes into its day", "hour", h.Hour.String(), "coverage", h.Coverage, "partial", h.Partial)
	}
	return p.Add(ctx, hours...)
}

// foldable tells whether all live objects hold the same version of an hour
// that neither the bucket's day nor the spool has as good.
func (p *Pusher) foldable(m costfile.HourMeta, objects [len(costfile.Datasets)]*fetched) bool {
	for _, f := range objects {
		o, ok := f.meta.HourMap()[m.Hour]
		if !ok || o.Generation != m.Generation || o.Coverage != m.Coverage || f.meta.Currency != p.cfg.Currency {
			p.logger.Warn("live hour left alone: the live objects do not agree on it", "hour", m.Hour.String())
			return false
		}
	}
	if p.confirmed(m) {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	spooled, ok := p.spool.hour(m.Hour)
	return !ok || m.Better(spooled)
}

// readHours fills the hours' rows from the objects.
func readHours(hours []*Hour, objects [len(costfile.Datasets)]*fetched) error {
	byHour := map[int64]*Hour{}
	for _, h := range hours {
		byHour[h.Hour.Micros()] = h
	}
	for i, ds := range costfile.Datasets {
		data := objects[i].data
		switch ds {
		case costfile.AllocationData:
			rows, _, err := costfile.ReadAll[cost.Allocation](data, data.size, limits)
			if err != nil {
				return err
			}
			for _, r := range rows {
				if h := byHour[r.WindowStart]; h != nil {
					h.Allocations = append(h.Allocations, r)
				}
			}
		case costfile.AssetData:
			rows, _, err := costfile.ReadAll[cost.Asset](data, data.size, limits)
			if err != nil {
				return err
			}
			for _, r := range rows {
				if h := byHour[r.WindowStart]; h != nil {
					h.Assets = append(h.Assets, r)
				}
			}
		case costfile.AttachmentData:
			rows, _, err := costfile.ReadAll[cost.Attachment](data, data.size, limits)
			if err != nil {
				return err
			}
			for _, r := range rows {
				if h := byHour[r.WindowStart]; h != nil {
					h.Attachments = append(h.Attachments, r)
				}
			}
		}
	}
	return nil
}
