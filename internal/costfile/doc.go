// Package costfile is the bucket format, version 1.0: object keys, Parquet
// schema and encoding, object metadata, and the two small JSON documents
// owner.json and status.json. docs/format/v1.md describes it for readers that
// are not fleetcost; a test keeps page and package equal.
//
// It is the only package that imports a Parquet library. Writers stream
// (Writer, Merge): memory is one row group, whatever the object's size.
// Readers distrust: Open checks version, sizes and metadata, and a damaged
// file is an error, never a panic.
//
//	w := costfile.NewWriter[cost.Allocation](f, meta)
//	w.Write(rows...)                     // sorted by Compare
//	sum, err := w.Close()                // rows and totals per hour
//
//	r, err := costfile.Open[cost.Allocation](f, size, costfile.DefaultLimits)
//	for { n, err := r.Read(buf) … }
package costfile
