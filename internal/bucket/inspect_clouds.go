package bucket

import (
	"context"
	"net/url"
)

// address implements remoteStore.
func (g *gcsBucket) address() string {
	if g.cfg.Endpoint != "" {
		return g.cfg.Endpoint
	}
	return gcsEndpoint
}

// settings implements remoteStore.
func (g *gcsBucket) settings() HTTPConfig { return g.cfg.HTTP }

// login implements remoteStore.
func (g *gcsBucket) login(ctx context.Context) (string, error) {
	if g.source == nil {
		return g.source.String(), nil
	}
	_, err := g.source.token(ctx)
	return g.source.String(), err
}

// address implements remoteStore. The query may hold a signature.
func (a *azureBucket) address() string {
	u, err := url.Parse(a.container.URL())
	if err != nil {
		return ""
	}
	u.RawQuery = ""
	return u.String()
}

// settings implements remoteStore.
func (a *azureBucket) settings() HTTPConfig { return a.cfg.HTTP }

// login implements remoteStore. A token is fetched with the first request, keys
// and signatures are not fetched at all.
func (a *azureBucket) login(context.Context) (string, error) { return a.source, nil } //nolint:unparam // as the interface wants it
