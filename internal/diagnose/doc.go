// Package diagnose is the catalogue of failures: what an error or a log line of
// object storage, AWS identity, Athena, Google Cloud Storage, Azure or a file
// system means, and what to change.
//
// The catalogue is one table. A row matches on the service's error code and on
// short stable pieces of text, never on a whole sentence; it holds cause, fix,
// things to paste, and on what ground we know the text: proven against a real
// server, recorded from the real service, or written from memory.
//
//	d, ok := diagnose.Explain(diagnose.Facts{Text: line})
//	if ok {
//		fmt.Println(d.Text())
//	}
//
// Names (accounts, roles, buckets, regions, keys) are read from the text and
// filled into cause, fix and snippets; what the text lacks comes from
// Facts.With, and what is still unknown stays a <placeholder>. Secrets are
// removed before anything is read, so none can come through.
//
// The package imports nothing of ours, does no I/O and knows no clock.
package diagnose
