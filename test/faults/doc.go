// Package faults tests that a fleet's data arrives whole through a bad network
// and an overloaded store: real agents' push path, a real S3 server, a real
// proxy that breaks connections (Toxiproxy), and an injector of our own for the
// answers that a loaded store gives.
package faults
