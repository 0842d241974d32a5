package diagnose

import (
	"slices"
	"strings"
	"sync"
)

// row is one failure of the catalogue. Title, Cause, Fix and Snippets may hold
// {{names}}, see reading.fill.
type row struct {
	ID       string
	Title    string
	Cause    string
	Fix      string
	Snippets []Snippet
	Basis    Basis
	Source   string
	ProvenBy string
	Harmless bool
	Examples []string
	Match    []pattern // any of them

	// identity marks rows whose cause may be that the caller is not who the
	// operator thinks: there, a pod on its node's role is said first.
	identity bool
	// general marks rows that tell a symptom: any row that tells a reason and
	// matches too is better.
	general bool
	group   string // set by table
}

// pattern matches one failure. Every field that is set must hold.
type pattern struct {
	code    string // the error code; several are separated by |
	text    string // pieces of the text, ignoring case; separated by &
	action  string // what was tried or denied; several are separated by |
	service string
	status  int
	node    bool // the caller is an EC2 instance's role
}

// The weights of what a pattern asks for: the more it asks, the better it fits.
// A piece of text counts with its length besides: a longer one says more.
const (
	weightText    = 10
	weightCode    = 8
	weightAction  = 4
	weightDenied  = 3 // for the code that says no more than "no"
	weightService = 2
	weightStatus  = 1
	weightNode    = 1
)

// denied are the codes by which services say no without a reason. Where a more
// telling code stands beside it, that one counts.
const denied = "AccessDenied|AccessDeniedException|Forbidden"

// reason is more than any pattern can ask for.
const reason = 1 << 20

// score is 0 when no pattern of the row matches, else how specific the best
// matching one is.
func (c *row) score(r *reading) int {
	best := 0
	for i := range c.Match {
		best = max(best, c.Match[i].score(r))
	}
	if best > 0 && !c.general {
		best += reason
	}
	return best
}

func (p *pattern) score(r *reading) int {
	n := 0
	if p.text != "" {
		for piece := range strings.SplitSeq(p.text, "&") {
			if !strings.Contains(r.lower, piece) {
				return 0
			}
			n += weightText + len(piece)
		}
	}
	if p.code != "" {
		if !slices.ContainsFunc(strings.Split(p.code, "|"), r.hasCode) {
			return 0
		}
		n += weightCode
		if p.code == denied {
			n += weightDenied - weightCode
		}
	}
	if p.action != "" {
		if !slices.ContainsFunc(strings.Split(p.action, "|"), r.hasAction) {
			return 0
		}
		n += weightAction
	}
	if p.service != "" {
		if !strings.EqualFold(p.service, r.service) {
			return 0
		}
		n += weightService
	}
	if p.status != 0 {
		if p.status != r.status {
			return 0
		}
		n += weightStatus
	}
	if p.node {
		if !r.onNodeRole() {
			return 0
		}
		n += weightNode
	}
	return n
}

// codes lists the codes that the row matches.
func (c *row) codes() []string {
	var out []string
	for _, p := range c.Match {
		if p.code != "" {
			out = append(out, strings.Split(p.code, "|")...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// table is the catalogue: every row, in the order of the page. Where two rows
// fit equally well, the earlier one is taken.
var table = sync.OnceValue(func() []*row {
	var out []*row
	for _, g := range []struct {
		title string
		rows  []row
	}{
		{"AWS identity", identityRows()},
		{"IRSA and EKS Pod Identity", podIdentityRows()},
		{"Amazon S3 and stores that speak S3: permissions", s3AccessRows()},
		{"Amazon S3 and stores that speak S3: keys and signatures", s3KeyRows()},
		{"Amazon S3 and stores that speak S3: bucket, region, requests", s3Rows()},
		{"AWS KMS", kmsRows()},
		{"Network and TLS", networkRows()},
		{"Google Cloud Storage", googleRows()},
		{"Azure Blob Storage", azureRows()},
		{"Directory as a bucket", filesystemRows()},
		{"Amazon Athena and AWS Glue", athenaRows()},
	} {
		for i := range g.rows {
			g.rows[i].group = g.title
			out = append(out, &g.rows[i])
		}
	}
	return out
})
