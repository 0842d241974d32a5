// Package docs tests the documentation: generated pages are up to date, links
// lead somewhere, and the examples are ones that the programs accept.
package docs
