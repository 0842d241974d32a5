// Package server wires the server: bucket → ingest → store → query → httpapi,
// and the web page. Its own work is the loop that looks at the bucket, the
// progress it shows while doing so, and the clusters' retirements.
//
//	s, err := server.New(ctx, cfg)   // opens everything, listens
//	err = s.Run(ctx)                 // until ctx ends
//
// It reads the clock and makes loggers' children, as only agent and server may.
package server
