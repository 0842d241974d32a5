// Package buckettest holds what tests of and with buckets need: the acceptance
// suite that every provider passes, and a decorator that injects faults. It is
// imported by tests only, so that no product binary links package testing.
package buckettest
