// Package cost is the domain of fleetcost: exact money, hours and windows,
// what a cluster used in an hour (HourUsage), and the two kinds of result row
// that everything downstream carries (Allocation and Asset, with Attachment
// for detail).
//
// It depends on the standard library only, does no I/O and reads no clock, so
// every other package may import it. Money is integer nano-units and
// quantities are scaled integers: sums never depend on order, and "the same
// to the last digit" is a fair test.
//
// The words are those of the OpenCost API; the rules behind the numbers are in
// docs/model.md.
package cost
