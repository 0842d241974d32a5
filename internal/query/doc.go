// Package query holds the questions: what a window of allocations or assets
// cost, grouped, filtered, with idle and shared cost treated as asked, in
// steps or accumulated. One planner serves every route, dialect, page and
// export, so the same scope has the same total everywhere.
//
// A question is plain data (AllocationQuery, AssetQuery); the Engine turns it
// into SQL over the smallest table that can answer, and its rows into Sets.
// The two grammars that clients speak, windows and filters, are parsed here
// too (ParseWindow, ParseFilter).
//
// The package knows no HTTP and no file; DuckDB is reached through store.
package query
