package storagecheck

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/diagnose"
)

// errSeen ends a listing at its first object.
var errSeen = errors.New("seen")

// callerInText is the caller as the text of a refusal names it.
var callerInText = regexp.MustCompile(`User: (arn:[^\s"]+) is not authorized`)

// forbidden is an action that was refused, with the statement that would allow
// it. What the store says besides (a key's policy, an organization's) is told by
// the catalogue.
func (r *runner) forbidden(action string, err error) Check {
	var op *bucket.OpError
	if r.cfg.Type != bucket.TypeS3 && errors.As(err, &op) {
		action = op.Action // in the store's own words
	}
	if m := callerInText.FindStringSubmatch(err.Error()); m != nil && r.names.CallerARN == "" {
		r.names.CallerARN = m[1] // the store knows whom there was nobody else to ask about
	}
	c := r.failed(err, "")
	if !strings.HasPrefix(c.Evidence, action) {
		c.Evidence = fmt.Sprintf("%s is denied: %s", action, c.Evidence)
	}
	if !strings.HasPrefix(action, "s3:") {
		if c.Fix == "" {
			c.Fix = "Give the credentials of the configuration this right."
		}
		return c
	}
	if r.kindOfRefusal(action, err) != missingRight {
		return c
	}
	c.Cause = fmt.Sprintf("The policy of these credentials does not allow %s there, or another policy (of the bucket, of the organization, a permissions boundary) forbids it.", action)
	c.Fix = fmt.Sprintf("Allow %s %s.", action, r.whom())
	c.Snippets = []diagnose.Snippet{r.statementSnippet(action)}
	return c
}

// kindOfRefusal tells what the catalogue sees in a refusal: a right that the
// caller's own policy lacks; another policy that stands in the way, which is a
// matter of rights too; or something else.
func (r *runner) kindOfRefusal(action string, err error) refusal {
	d, ok := r.diagnosis(err)
	if r.cfg.Type != bucket.TypeS3 {
		if ok && !slices.Contains([]string{"gcs-denied", "gcs-bucket-denied", "azure-permission-mismatch"}, d.ID) {
			return noRefusalOfRights
		}
		return missingRight
	}
	plain, _ := diagnose.Explain(diagnose.Facts{Text: "AccessDenied", Code: "AccessDenied", Action: action, Service: "s3", Status: http.StatusForbidden})
	switch {
	case !ok || d.ID == plain.ID || d.ID == "s3-denied" || d.ID == "s3-identity-policy":
		return missingRight
	case strings.HasPrefix(d.ID, "iam-") || strings.HasPrefix(d.ID, "kms-") || d.ID == "s3-bucket-policy":
		return otherPolicy
	default:
		return noRefusalOfRights
	}
}

// refusal is why a store said no.
type refusal int

const (
	missingRight refusal = iota
	otherPolicy
	noRefusalOfRights // such as a signature of a kind that the store does not take
)

func (r *runner) action(name string) string {
	if r.cfg.Type == bucket.TypeS3 {
		return "s3:" + name
	}
	return name
}

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

const probeText = "This object was written by `fleetcost storage check`, which removes it again.\n"

// put writes a probe object as agents write theirs: with ACL, encryption and
// metadata. Whether it could be removed again is asked first; if not, the write
// is rehearsed, and nothing is written.
func (r *runner) put(ctx context.Context) Check {
	key := r.probeKey("put")
	if err := r.inspection.Delete(ctx, key); errors.Is(err, bucket.ErrDenied) {
		r.denied = err
		return r.rehearsePut(ctx, key)
	} else if err != nil {
		return r.failed(err, "Check the store: it refuses requests about objects.")
	}
	r.written(key)
	body := strings.NewReader(probeText)
	if _, err := r.inspection.Put(ctx, key, body, body.Size(), bucket.Condition{}); err != nil {
		return r.putFailed(err, func(v bucket.Variant) error { return r.inspection.PutVariant(ctx, key, probeText, v) })
	}
	return r.worldReadable(okay("%s written%s", humanize.IBytes(uint64(len(probeText))), r.headers()))
}

// rehearsePut asks for a write that the store refuses once it allowed it.
func (r *runner) rehearsePut(ctx context.Context, key string) Check {
	told, err := r.inspection.Rehearse(ctx, key, bucket.Condition{}, bucket.Variant{})
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return skip("not tried: these credentials may not delete, so a probe object would stay")
	case err != nil:
		return r.putFailed(err, r.rehearsal(ctx, key))
	case told.Wrote:
		r.writes = true
		r.written(key)
		return r.worldReadable(okay("allowed%s; the store does not check a body against its Content-MD5", r.headers()))
	default:
		r.refuses = true
		evidence := "allowed" + r.headers() + "; nothing was written, as these credentials may not delete"
		if r.cfg.S3.SSE.Type == "SSE-KMS" {
			evidence += "; whether they may use the KMS key shows at the first write"
		}
		return r.worldReadable(okay("%s", evidence))
	}
}

// rehearsal is a write that is asked for and not done, as putFailed takes it.
func (r *runner) rehearsal(ctx context.Context, key string) func(bucket.Variant) error {
	return func(v bucket.Variant) error {
		_, err := r.inspection.Rehearse(ctx, key, bucket.Condition{}, v)
		return err
	}
}

// putFailed tells which right is missing, by writes that leave out what needs
// another right than s3:PutObject.
func (r *runner) putFailed(err error, write func(bucket.Variant) error) Check {
	if !errors.Is(err, bucket.ErrDenied) {
		return r.failed(err, "See the error of the store.")
	}
	if acl := r.acl(); acl != "" && write(bucket.Variant{NoACL: true}) == nil {
		c := r.forbidden("s3:PutObjectAcl", err)
		c.Evidence = fmt.Sprintf("a write with X-Amz-Acl %s is denied, one without is allowed: s3:PutObjectAcl is missing", acl)
		c.Cause = "Writing an object with an ACL needs s3:PutObjectAcl besides s3:PutObject. A public ACL is also refused where the bucket blocks public access."
		c.Fix = fmt.Sprintf("Allow s3:PutObjectAcl %s; or, where the bucket is of the same account or enforces its owner's rights, remove X-Amz-Acl from put_user_metadata.", r.whom())
		c.Snippets = []diagnose.Snippet{r.statementSnippet("s3:PutObjectAcl")}
		return c
	}
	if sse := r.cfg.S3.SSE; sse.Type == "SSE-KMS" && write(bucket.Variant{NoEncryption: true}) == nil {
		return r.keyForbidden(err, "a write with", "kms:GenerateDataKey")
	}
	return r.forbidden(r.action("PutObject"), err)
}

// keyForbidden is what is denied with encryption, and allowed without.
func (r *runner) keyForbidden(err error, what, action string) Check {
	key := r.cfg.S3.SSE.KMSKeyID
	c := r.failed(err, "")
	c.Evidence = fmt.Sprintf("%s SSE-KMS %s is denied, one without is allowed: %s is missing", what, key, action)
	c.Cause = "Encrypting with a KMS key needs kms:GenerateDataKey on it, reading kms:Decrypt; a key of another account must also allow it in its own policy."
	c.Fix = fmt.Sprintf("Allow both %s.", r.whom())
	in := r.policyInput()
	if in.KMSKeyARN == "" {
		in.KMSKeyARN = fmt.Sprintf("arn:%s:kms:%s:<account>:key/%s", r.names.Partition, r.names.Region, key)
	}
	text, _ := indentJSON(policyDocument{policyVersion, []policyStatement{in.keyStatement()}}) // a struct of strings
	c.Snippets = []diagnose.Snippet{{Kind: diagnose.IAMPolicy, Where: r.whom(), Text: text}}
	return c
}

// headers names what a write carries.
func (r *runner) headers() string {
	var with []string
	if acl := r.acl(); acl != "" {
		with = append(with, "X-Amz-Acl "+acl)
	}
	if sse := r.cfg.S3.SSE; sse.Type != "" {
		with = append(with, strings.TrimSpace(sse.Type+" "+sse.KMSKeyID))
	}
	for name := range r.cfg.S3.UserMetadata {
		if !strings.EqualFold(name, "X-Amz-Acl") {
			with = append(with, name)
		}
	}
	if len(with) == 0 {
		return ""
	}
	return ", with " + strings.Join(with, ", ")
}

func (r *runner) worldReadable(c Check) Check {
	acl := r.acl()
	if !strings.HasPrefix(acl, "public-") && acl != "authenticated-read" {
		return c
	}
	who := "Everybody on the internet"
	if acl == "authenticated-read" {
		who = "Everybody with an AWS account"
	}
	return warning(c.Evidence, who+" can read what is written with X-Amz-Acl: "+acl+".",
		"Write bucket-owner-full-control, or remove X-Amz-Acl.",
		diagnose.Snippet{Kind: diagnose.YAML, Where: "in " + r.in.ConfigName, Text: "config:\n  put_user_metadata:\n    X-Amz-Acl: bucket-owner-full-control\n"})
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
