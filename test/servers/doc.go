// Package servers starts real servers for tests: no fakes, no containers, no
// network beyond loopback. Each server gets a port picked at run time and a
// directory of the test's own, and is stopped by its process id when the test
// ends.
//
// A server's binary is looked for on PATH and in the tool cache that
// `make test-tools` fills. A missing binary fails the test with the command
// that installs it: a test that does not run proves nothing.
package servers
