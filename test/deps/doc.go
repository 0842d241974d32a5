// Package deps tests what the programs must not link, and how large they may
// get. The linter keeps the layers between packages; this keeps what reaches a
// binary through others.
package deps
