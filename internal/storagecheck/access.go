package storagecheck

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/diagnose"
)

// errSeen ends a listing at its first object.
var errSeen = errors.New("seen")

// list tries what the server finds clusters by. An agent needs no right to.
func (r *runner) list(ctx context.Context) Check {
	prefix := clusterPrefix
	n := 0
	err := r.inspection.List(ctx, prefix, "", func(bucket.Object) error {
		n++
		return errSeen
	})
	denied := errors.Is(err, bucket.ErrDenied) && r.kindOfRefusal("s3:ListBucket", err) != noRefusalOfRights
	switch {
	case err != nil && !denied && !errors.Is(err, errSeen):
		r.blockedBy[storeUsable] = checkList
		return r.failed(err, "Check that the bucket exists, and that config.region and config.endpoint are its own.")
	case r.in.Role == RoleAgent && denied:
		return okay("not allowed, and an agent does not need it")
	case denied:
		return r.forbidden(r.action("ListBucket"), err)
	case r.in.Role == RoleAgent && r.cfg.Type == bucket.TypeS3:
		return warning("allowed on "+r.inspection.String(), "An agent needs no "+r.action("ListBucket")+": it could see which clusters there are.",
			"Give each cluster's agent the policy of its own keys only.", r.policySnippet())
	case n == 0:
		return okay("allowed; no cluster has pushed yet")
	default:
		return okay("allowed; there are clusters below %s", r.fullKey(prefix))
	}
}

// get reads the probe object back; without one, an object that is not there.
func (r *runner) get(ctx context.Context) Check {
	if r.denied != nil {
		return r.getMissing(ctx)
	}
	body, _, err := r.inspection.Get(ctx, r.probeKey("put"))
	if errors.Is(err, bucket.ErrDenied) {
		return r.getDenied(ctx, err)
	}
	if err != nil {
		return r.failed(err, "The object just written cannot be read: the store must be consistent after a write.")
	}
	got, err := io.ReadAll(io.LimitReader(body, 1<<20))
	if err = errors.Join(err, body.Close()); err != nil {
		return r.failed(err, "The object just written cannot be read whole.")
	}
	if !bytes.Equal(got, []byte(probeText)) {
		return Check{
			Result: Fail, Evidence: fmt.Sprintf("wrote %d bytes, read %d others", len(probeText), len(got)),
			Cause: "Something between here and the store changes what is transferred, such as a proxy that compresses.",
			Fix:   "Take the proxy out of the way, with NO_PROXY or in its own settings.",
		}
	}
	return okay("read what was written")
}

// getDenied tells s3:GetObject from kms:Decrypt, by an object without the key.
func (r *runner) getDenied(ctx context.Context, err error) Check {
	if sse := r.cfg.S3.SSE; sse.Type == "SSE-KMS" {
		key := r.probeKey("plain")
		r.written(key)
		if r.inspection.PutVariant(ctx, key, probeText, bucket.Variant{NoEncryption: true}) == nil {
			if body, _, plain := r.inspection.Get(ctx, key); plain == nil {
				_ = body.Close() // that it could be opened is what counts
				return r.keyForbidden(err, "reading an object encrypted with", "kms:Decrypt")
			}
		}
	}
	return r.forbidden(r.action("GetObject"), err)
}

func (r *runner) getMissing(ctx context.Context) Check {
	key := r.probeKey("get")
	if r.in.Role == RoleAgent {
		// Its own document, if the agent has run before.
		key = clusterPrefix + "cluster_id=" + r.in.ClusterID + "/owner.json"
	}
	body, _, err := r.inspection.Get(ctx, key)
	switch {
	case err == nil:
		return errCheck(body.Close(), okay("read %s", r.fullKey(key)))
	case errors.Is(err, bucket.ErrNotFound):
		return okay("allowed; %s does not exist", r.fullKey(key))
	case errors.Is(err, bucket.ErrDenied) && strings.Contains(err.Error(), "s3:ListBucket"):
		// AWS names what would let it say that the object is missing.
		return okay("allowed; %s does not exist", r.fullKey(key))
	case errors.Is(err, bucket.ErrDenied) && !r.tellsAbsence() && !strings.Contains(err.Error(), "perform: s3:GetObject"):
		return skip("cannot be told: a store may answer the same to a missing right and, without s3:ListBucket, to a missing object; once the agent has run, the check can tell")
	case errors.Is(err, bucket.ErrDenied):
		return r.forbidden(r.action("GetObject"), err)
	default:
		return r.failed(err, "See the error of the store.")
	}
}

// tellsAbsence tells of stores that answer 404 for a missing object also to who
// may not list, so that a 403 is a missing right.
func (r *runner) tellsAbsence() bool {
	name := strings.ToLower(r.answer.Server)
	return r.cfg.Type == bucket.TypeFilesystem || r.cfg.Type == bucket.TypeAzure || strings.HasPrefix(name, "minio") || strings.HasPrefix(name, "versitygw")
}

// errCheck is c, or a failure where closing failed.
func errCheck(err error, c Check) Check {
	if err != nil {
		return Check{Result: Fail, Evidence: diagnose.Redact(err.Error()), Cause: "The object could not be read to its end.", Fix: "Run the check again."}
	}
	return c
}

// neverETag is the ETag of nothing.
const neverETag = "00000000000000000000000000000000"

// conditional finds out whether two writers can lose each other's hours.
func (r *runner) conditional(ctx context.Context) Check {
	if r.denied != nil {
		return r.conditionalRehearsed(ctx)
	}
	key := r.probeKey("conditional")
	r.written(key)
	write := func(cond bucket.Condition) (bucket.Object, error) {
		body := strings.NewReader(probeText)
		return r.inspection.Put(ctx, key, body, body.Size(), cond)
	}
	o, err := write(bucket.Condition{Absent: true})
	var op *bucket.OpError
	if errors.As(err, &op) && op.Status == http.StatusNotImplemented {
		return unconditional("the store does not implement If-None-Match")
	}
	if err != nil {
		return r.failed(err, "The store takes plain writes, and not conditional ones.")
	}
	for _, cond := range []bucket.Condition{{Absent: true}, {ETag: neverETag}} {
		_, err := write(cond)
		switch {
		case errors.Is(err, bucket.ErrPrecondition):
		case err == nil:
			return unconditional("the store wrote although the condition did not hold")
		default:
			return r.failed(err, "The store takes plain writes, and not conditional ones.")
		}
	}
	if _, err := write(bucket.Condition{ETag: o.ETag}); err != nil {
		return r.failed(err, "The store refuses a write whose condition holds.")
	}
	return okay("If-None-Match: * and If-Match are kept")
}

func unconditional(evidence string) Check {
	return warning(evidence, "Without conditional writes, two agents of one cluster can lose each other's hours.",
		"Run one agent per cluster (one replica, strategy Recreate), or use a store that has conditional writes.")
}

func (r *runner) conditionalRehearsed(ctx context.Context) Check {
	if r.isAmazon() {
		return okay("Amazon S3 has them; not tried, as these credentials may not delete")
	}
	key := r.probeKey("put") // the same, should a store write it
	told, err := r.inspection.Rehearse(ctx, key, bucket.Condition{ETag: neverETag}, bucket.Variant{})
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return skip("%s has them; not tried, as these credentials may not delete", r.cfg.Type)
	case err != nil:
		return r.failed(err, "The store takes plain writes, and not conditional ones.")
	case told.Unmet:
		return okay("If-Match is kept; nothing was written, as these credentials may not delete")
	case told.Wrote:
		r.written(key)
		return unconditional("the store wrote although the condition did not hold")
	default:
		return skip("cannot be told without writing, and these credentials may not delete")
	}
}

// multipart does the three calls of a multipart upload. Its only part is its
// last, which may be small; one of part_size would prove no more, slowly.
func (r *runner) multipart(ctx context.Context) Check {
	if r.cfg.Type == bucket.TypeS3 && r.cfg.S3.DisableMultipart {
		return skip("disable_multipart is true")
	}
	if r.denied != nil {
		return skip("not tried: these credentials may not delete; it needs the rights of put")
	}
	const size = 64 << 10
	key := r.probeKey("multipart")
	r.written(key)
	// An upload that is begun is finished: one that is interrupted leaves a part
	// behind wherever the right to abort is missing.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.o.Timeout)
	defer cancel()
	err := r.inspection.PutMultipart(ctx, key, strings.Repeat("x", size))
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		r.probes = r.probes[:len(r.probes)-1]
		return skip("%s has no multipart uploads", r.cfg.Type)
	case errors.Is(err, bucket.ErrDenied):
		return r.forbidden(r.action("PutObject"), err)
	case err != nil:
		return r.failed(err, "Set disable_multipart: true, if the store has no multipart uploads.")
	}
	return okay("created, one part of %s sent, completed (a last part may be smaller than part_size, %s)",
		humanize.IBytes(size), humanize.IBytes(uint64(r.cfg.S3.PartSize)))
}

// delete removes the probe objects and looks whether they are gone.
func (r *runner) delete(ctx context.Context) Check {
	if r.denied != nil {
		if r.in.Role == RoleAgent {
			return okay("not allowed, and an agent does not need it")
		}
		return r.forbidden(r.action("DeleteObject"), r.denied)
	}
	removed := 0
	for len(r.probes) > 0 {
		key := r.probes[0]
		if err := r.inspection.Delete(ctx, key); errors.Is(err, bucket.ErrDenied) {
			return r.forbidden(r.action("DeleteObject"), err)
		} else if err != nil {
			return r.failed(err, "See the error of the store.")
		}
		r.probes = r.probes[1:]
		removed++
		if _, err := r.inspection.Stat(ctx, key); err == nil {
			return Check{
				Result: Fail, Evidence: r.fullKey(key) + " is still there after it was deleted",
				Cause: "The store answered that the object is deleted, and still has it.", Fix: "See whether an object lock or a retention rule holds the bucket's objects.",
			}
		}
	}
	evidence := fmt.Sprintf("%d probe objects removed", removed)
	if r.in.Role == RoleAgent && r.cfg.Type == bucket.TypeS3 {
		return warning(evidence, "An agent never deletes: with s3:DeleteObject, whoever takes over a node could remove the history.",
			"Give each cluster's agent the policy of its own keys only.", r.policySnippet())
	}
	return okay("%s", evidence)
}
