package server

import (
	"context"
	"fmt"

	"github.com/fleetcost/fleetcost/internal/costfile"
	"github.com/fleetcost/fleetcost/internal/httpapi"
	"github.com/fleetcost/fleetcost/internal/pricing"
)

// about says what is running, on which storage, and made of what.
func (f *fleet) about(ctx context.Context) (*httpapi.About, error) {
	s := f.s
	engine, err := s.store.Engine(ctx)
	if err != nil {
		return nil, err
	}
	version, err := f.version(ctx)
	if err != nil {
		return nil, err
	}
	b := s.cfg.Build
	out := &httpapi.About{
		Version: b.Version, Revision: b.Revision, BuiltAt: b.Time, Go: b.Go, Platform: b.Platform,
		Engine: engine, Format: fmt.Sprintf("%d.%d", costfile.Major, costfile.Minor), DataVersion: version, Licence: "Apache-2.0", Storage: s.storage,
		Modules: make([]httpapi.AboutModule, 0, len(b.Modules)), Prices: []httpapi.AboutPrices{},
	}
	if s.caller != nil {
		out.Storage.CallerARN = s.caller()
	}
	for _, m := range b.Modules {
		out.Modules = append(out.Modules, httpapi.AboutModule(m))
	}
	for _, p := range pricing.Attributions() {
		out.Prices = append(out.Prices, httpapi.AboutPrices(p))
	}
	return out, nil
}
