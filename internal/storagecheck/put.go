package storagecheck

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/diagnose"
)

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
	for _, name := range slices.Sorted(maps.Keys(r.cfg.S3.UserMetadata)) {
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
