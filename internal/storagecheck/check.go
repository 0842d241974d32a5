package storagecheck

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/diagnose"
)

// Input is what is to be checked.
type Input struct {
	ConfigName string // of the federated-store.yaml, for messages
	Config     []byte // its text
	Lenient    bool   // unknown keys are warnings

	Role      Role   // RoleAgent or RoleServer
	ClusterID string // of an agent
}

// Resolver finds the addresses of a host, as net.Resolver does.
type Resolver interface {
	LookupHost(ctx context.Context, host string) ([]string, error)
}

// Options is what a check is given by its program.
type Options struct {
	Now      func() time.Time
	Getenv   func(string) string
	Logger   *slog.Logger      // of the bucket; nil for none
	Resolver Resolver          // nil for the system's
	Progress func(name string) // told the name of each step before it; may be nil
	Timeout  time.Duration     // of one step; 0 for 15 s
}

// Result is how one step ended.
type Result string

// The results.
const (
	OK   Result = "ok"
	Warn Result = "warn" // works, but insecure or with more rights than needed
	Fail Result = "fail"
	Skip Result = "skip" // does not apply, or something before it failed
)

// Check is one step.
type Check struct {
	Name     string
	Result   Result
	Evidence string // what was seen; without secrets
	Cause    string // of anything but ok
	Fix      string
	Snippets []diagnose.Snippet // to paste, with the operator's names
	ID       string             // of the failure in the catalogue; "" where it has none
	Doc      string             // page that explains it
	First    string             // what to look at before this; "" mostly
	Duration time.Duration
}

// Report is what a check found.
type Report struct {
	Bucket   string // as in "s3://fleet-costs/production"; "" while unknown
	Role     Role
	Cluster  string
	Checks   []Check
	Leftover []string // full keys of probe objects that could not be removed
	Duration time.Duration
}

// The exit codes.
const (
	ExitOK    = 0
	ExitFail  = 1
	ExitUsage = 2
	ExitWarn  = 3
)

// ExitCode is 0 when all is well, 1 when a step failed, 3 when all works but
// something is insecure or has more rights than it needs.
func (r *Report) ExitCode() int {
	code := ExitOK
	if len(r.Leftover) > 0 {
		code = ExitWarn
	}
	for i := range r.Checks {
		switch r.Checks[i].Result {
		case Fail:
			return ExitFail
		case Warn:
			code = ExitWarn
		}
	}
	return code
}

// The names of the steps, in their order.
const (
	checkParse       = "parse"
	checkDNS         = "DNS"
	checkTLS         = "TLS"
	checkClock       = "clock skew"
	checkCredentials = "credentials"
	checkIdentity    = "identity"
	checkList        = "list"
	checkPut         = "put"
	checkGet         = "get"
	checkConditional = "conditional put"
	checkMultipart   = "multipart put"
	checkDelete      = "delete"
	checkOwn         = "own keys"
	checkOthers      = "others' keys"
)

// step is one check: what it needs to have succeeded, and what it does.
type step struct {
	name  string
	needs []string
	run   func(r *runner, ctx context.Context) Check
	agent bool // only for agents
}

var steps = []step{
	{name: checkParse, run: (*runner).parse},
	{name: checkDNS, needs: []string{checkParse}, run: (*runner).dns},
	{name: checkTLS, needs: []string{checkDNS}, run: (*runner).tls},
	{name: checkClock, needs: []string{checkTLS}, run: (*runner).clock},
	{name: checkCredentials, needs: []string{checkParse}, run: (*runner).credentials},
	{name: checkIdentity, needs: []string{checkCredentials}, run: (*runner).identity},
	{name: checkList, needs: []string{checkClock, checkCredentials}, run: (*runner).list},
	{name: checkPut, needs: []string{checkClock, checkCredentials, storeUsable}, run: (*runner).put},
	{name: checkGet, needs: []string{checkPut}, run: (*runner).get},
	{name: checkConditional, needs: []string{checkPut}, run: (*runner).conditional},
	{name: checkMultipart, needs: []string{checkPut}, run: (*runner).multipart},
	{name: checkDelete, needs: []string{checkPut}, run: (*runner).delete},
	{name: checkOwn, needs: []string{checkPut}, run: (*runner).ownKeys, agent: true},
	{name: checkOthers, needs: []string{checkPut}, run: (*runner).othersKeys, agent: true},
}

// storeUsable is what a list finds out besides: that the store answers to the
// credentials at all. Only a missing right to list leaves the rest possible.
const storeUsable = "store"

// cleanupTime is for removing probe objects after the caller's context ended.
const cleanupTime = 30 * time.Second

const stepTimeout = 15 * time.Second

// runner is one run.
type runner struct {
	in    Input
	o     Options
	run   string // unique
	cfg   bucket.Config
	names diagnose.Names

	inspection *bucket.Inspection
	openErr    error // of a bucket whose credentials cannot be chosen

	answer    bucket.Answer // to the first, unsigned request
	denied    error         // what the store said to a delete, where it is not allowed: nothing is written then
	refuses   bool          // the store refuses a body that does not match its checksum
	writes    bool          // it does not: a rehearsal wrote
	probes    []string
	blockedBy map[string]string // step → the failed step that stands in its way
	report    Report
}

// Run checks. Its error is a wrong input or the end of ctx; what is wrong with
// the bucket is in the report. Probe objects are removed however it ends.
func Run(ctx context.Context, in Input, o Options) (report Report, err error) {
	if in.Role != RoleAgent && in.Role != RoleServer {
		return Report{}, fmt.Errorf("role %q: use %s or %s", in.Role, RoleAgent, RoleServer)
	}
	if in.Role == RoleAgent && !clusterIDPattern.MatchString(in.ClusterID) {
		return Report{}, fmt.Errorf("cluster id %q: an agent's rights are those on its cluster's keys; give --cluster-id", in.ClusterID)
	}
	if o.Now == nil {
		return Report{}, errors.New("check storage: a clock is needed")
	}
	if o.Getenv == nil {
		o.Getenv = func(string) string { return "" }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Resolver == nil {
		o.Resolver = net.DefaultResolver
	}
	if o.Timeout <= 0 {
		o.Timeout = stepTimeout
	}
	r := &runner{in: in, o: o, run: strings.ToLower(rand.Text()[:12]), blockedBy: map[string]string{}}
	r.report = Report{Role: in.Role, Cluster: in.ClusterID}
	started := o.Now()
	r.steps(ctx)
	r.cleanup(ctx)
	if r.inspection != nil {
		_ = r.inspection.Close() // nothing was buffered
	}
	r.report.Duration = o.Now().Sub(started)
	return r.report, ctx.Err()
}

func (r *runner) steps(ctx context.Context) {
	for _, s := range steps {
		if s.agent && r.in.Role != RoleAgent {
			continue
		}
		if ctx.Err() != nil {
			return
		}
		if root := r.blocked(s); root != "" {
			r.blockedBy[s.name] = root
			r.report.Checks = append(r.report.Checks, Check{Name: s.name, Result: Skip, Evidence: "not tried: " + root + " failed"})
			continue
		}
		if r.o.Progress != nil {
			r.o.Progress(s.name)
		}
		stepCtx, cancel := context.WithTimeout(ctx, r.o.Timeout)
		started := r.o.Now()
		c := s.run(r, stepCtx)
		switch {
		case ctx.Err() != nil:
			c = skip("interrupted")
		case stepCtx.Err() != nil && c.Result == Fail:
			c.late(r.o.Timeout)
		}
		cancel()
		c.Name, c.Duration = s.name, r.o.Now().Sub(started)
		if c.Result == Fail {
			r.blockedBy[s.name] = s.name
		}
		r.report.Checks = append(r.report.Checks, c)
	}
}

// blocked returns the failed step that stands in the way of s, or "".
func (r *runner) blocked(s step) string {
	for _, need := range s.needs {
		if root := r.blockedBy[need]; root != "" {
			return root
		}
	}
	return ""
}

// cleanup removes the probe objects that are still there, with a context of its
// own: the caller's may be what ended the run.
func (r *runner) cleanup(ctx context.Context) {
	if len(r.probes) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	for _, key := range r.probes {
		if err := r.inspection.Delete(ctx, key); err != nil {
			r.o.Logger.Warn("a probe object stays in the bucket", "key", r.fullKey(key), "error", err)
			r.report.Leftover = append(r.report.Leftover, r.fullKey(key))
		}
	}
	r.probes = nil
}

// written notes a probe object that is to be removed.
func (r *runner) written(key string) {
	if !slices.Contains(r.probes, key) {
		r.probes = append(r.probes, key)
	}
}

// fullKey is a key with the prefix of the configuration.
func (r *runner) fullKey(key string) string {
	if r.cfg.Prefix == "" {
		return key
	}
	return r.cfg.Prefix + "/" + key
}

// probeKey is a key of this run that no reader lists and that the policy of the
// role covers.
func (r *runner) probeKey(name string) string {
	if r.in.Role == RoleAgent {
		return checkPrefix + "cluster_id=" + r.in.ClusterID + "/" + r.run + "/" + name
	}
	return checkPrefix + r.run + "/" + name
}

// late tells of a step that its time ended.
func (c *Check) late(timeout time.Duration) {
	c.Evidence = fmt.Sprintf("no answer within %s: %s", timeout, c.Evidence)
	if c.Cause == "" {
		c.Cause = "The other side, or something on the way (a firewall, a network policy, a missing VPC endpoint), does not answer."
	}
}

func okay(format string, args ...any) Check {
	return Check{Result: OK, Evidence: fmt.Sprintf(format, args...)}
}

func skip(format string, args ...any) Check {
	return Check{Result: Skip, Evidence: fmt.Sprintf(format, args...)}
}

func warning(evidence, cause, fix string, snippets ...diagnose.Snippet) Check {
	return Check{Result: Warn, Evidence: evidence, Cause: cause, Fix: fix, Snippets: snippets}
}
