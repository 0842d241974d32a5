// Package cli is the command tree of the fleetcost program, one file per
// command. Commands that ask (allocation, assets, clusters) talk HTTP to a
// server and nothing else; server and demo run one.
//
// Run is the whole program as a value: tests call it with their own streams,
// environment and clock. Exit codes are part of the interface: 0 all is well,
// 1 an error, 2 wrong usage, 3 an answer that rests on partial data.
package cli
