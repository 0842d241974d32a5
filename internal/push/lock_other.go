//go:build !unix

package push

// lockDir has nothing to lock with here; run one process per spool directory.
func lockDir(string) (unlock func(), err error) { return func() {}, nil }
