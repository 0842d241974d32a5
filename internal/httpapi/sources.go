package httpapi

import (
	"time"

	"github.com/fleetcost/fleetcost/internal/query"
)

// SourcesParams are the parameters of /api/v1/sources.
type SourcesParams struct {
	WindowParam
	Filter string `query:"filter" doc:"Filter v2; its conditions on clusters alone select objects." example:"cluster:\"prod\""`
}

// Sources is the data of /api/v1/sources.
type Sources struct {
	Objects []SourceObject `json:"objects" nullable:"false" doc:"by key"`
	Rows    int64          `json:"rows"`
	Bytes   int64          `json:"bytes"`
}

// SourceObject is an object of the bucket.
type SourceObject struct {
	Key        string `json:"key" doc:"below the bucket's prefix"`
	Version    string `json:"version" doc:"its ETag"`
	Cluster    string `json:"cluster"`
	Generation int64  `json:"generation" doc:"of the agent's push; grows"`
	Rows       int64  `json:"rows" doc:"of the whole object"`
	Bytes      int64  `json:"bytes"`
	Loaded     Time   `json:"loadedAt" doc:"when the server read it"`
}

func (a *API) registerSources() {
	register[SourcesParams, Sources](a, Dialect{}, route{
		path: "/api/v1/sources", tag: uiTag, data: true,
		summary:     "The objects of the bucket that allocations rest on",
		description: "Every allocation object with hours of the window, in the version that was loaded: what the numbers of the same window are made of.",
	}, a.sources)
}

func (a *API) sources(r *request, in *SourcesParams) (*reply, error) {
	var p reader
	w := p.window(in.Window, r.now)
	f, err := query.ParseFilter(in.Filter, query.SourceAllocation)
	p.check(err)
	if p.err != nil {
		return nil, p.err
	}
	ans, err := a.cfg.Questions.Sources(r.Context(), w, f)
	if err != nil {
		return nil, err
	}
	out := Sources{Objects: make([]SourceObject, len(ans.Sources))}
	for i := range ans.Sources {
		s := &ans.Sources[i]
		out.Objects[i] = sourceObject(s)
		out.Rows += s.Rows
		out.Bytes += s.Bytes
	}
	meta := &Meta{Window: windowOf(w), DataVersion: ans.DataVersion, RowCount: len(out.Objects), Completeness: Completeness{Ratio: 1, Clusters: []ClusterCompleteness{}}}
	return &reply{meta: meta, warnings: p.warnings, data: out}, nil
}

func sourceObject(s *query.Source) SourceObject {
	return SourceObject{s.Key, s.ETag, s.Cluster, s.Generation, s.Rows, s.Bytes, Time(s.Loaded.Truncate(time.Second))}
}
