// Package accuracy tests that the numbers are right: a cluster defined second
// by second is scraped into a real Prometheus, read by the agent, pushed to a
// bucket and read back; the result must agree with a plain computation from the
// definition itself, which uses none of our packages.
package accuracy
