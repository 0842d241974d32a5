// Package preferences is what users save for everybody who looks at a fleet:
// which labels stand for team, owner and so on, how amounts are written, and
// what the pages do with idle, overhead and shared namespaces by default. It is
// one JSON document, kept in the bucket; this package knows its keys and values
// and nothing of where it lies.
//
//	doc, err := preferences.Parse([]byte(`{"labelAliases": {"team": ["team", "squad"]}}`))
//
// What a document leaves out is the built-in behaviour or, for label aliases,
// that of the server's flag. Nothing in it changes a number of the API.
package preferences
