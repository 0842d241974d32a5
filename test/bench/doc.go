// Command bench measures what users feel: how long a server takes to rebuild
// its store from a bucket, how fast it answers the usual questions over HTTP,
// and how much memory it holds meanwhile. It drives the real binary over a
// bucket that simulated agents filled (once; kept in the cache directory) and
// prints figures; it asserts nothing.
//
//	go run ./test/bench --clusters 10      # make bench
//	go run ./test/bench --clusters 100     # make bench-full
package main
