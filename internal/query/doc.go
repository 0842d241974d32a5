// Package query holds the questions: what a window of allocations or assets
// cost, grouped, filtered, with idle and shared cost treated as asked, in
// steps or accumulated. One planner serves every route, dialect, page and
// export, so the same scope has the same total everywhere.
//
// A question is plain data (AllocationQuery, AssetQuery); the Engine turns it
// into SQL over the smallest table that can answer, and its rows into Sets.
// The grammars that clients speak are parsed here too: ParseWindow, ParseStep,
// ParseAccumulate, ParseAggregate, ParseFilter, ParseFilterParameters.
//
// How an answer comes about:
//
//   - timeplan.go cuts the window into sets and gives each day to a rollup, or
//     to the hours where a set cuts through its data;
//   - condition.go and dimension.go write filters and groups as SQL,
//     statement.go puts them together, sqltext.go holds what is particular to
//     DuckDB's dialect;
//   - meta.go keeps, per version of the data, the clusters and which measures
//     are zero everywhere: those are not read;
//   - top.go finds the rows of a page before their measures are read;
//   - grouped.go fills the rows, __idle__ and __overhead__ from the exact sums
//     and the idle shares that ingest stored per hour;
//   - share.go divides shared cost per day (per hour below daily steps) by
//     largest remainder, so that sharing moves money and never changes a sum;
//   - engine.go sees to it that all statements of one answer saw the same
//     data, and keeps answers by question and data version; refresh.go answers
//     what was asked lately anew when there are new data.
//
// A question says how much of each row it reads (Detail) and can leave days of
// clusters out (Without): so a page reads no more than it shows, and a
// comparison of like with like (compare.go) costs two questions whatever is
// missing.
//
// What is missing is called __unallocated__, on rows of unmounted volumes
// __unmounted__, on idle rows __idle__ and on overhead __overhead__; filters
// compare the same names, so the parts of a partition add up to the whole.
//
// The package knows no HTTP, no file and no clock; DuckDB is reached through
// store.
package query
