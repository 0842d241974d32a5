package bucket

import (
	"context"
	"crypto/md5" //nolint:gosec // the integrity check that Azure defines
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// The operations as Azure's REST API names them: errors carry them as their
// action.
const (
	azureGet    = "GetBlob"
	azureStat   = "GetBlobProperties"
	azurePut    = "PutBlob"
	azureDelete = "DeleteBlob"
	azureList   = "ListBlobs"
)

// maxAzurePut is Azure's limit for one Put Blob, see
// https://learn.microsoft.com/azure/storage/blobs/scalability-targets.
const maxAzurePut = 5000 << 20

func (a *azureBucket) do(ctx context.Context, action, key string, call func() error) error {
	return a.retrier.do(ctx, func(err error) *OpError { return a.fail(ctx, action, key, err) }, call)
}

func (a *azureBucket) invalid(action, key string, err error) error {
	return &OpError{Action: "azure:" + action, Bucket: a.name(), Key: key, Err: err}
}

// Get implements Bucket. With reader_config.max_retry_requests a broken
// download is continued where it broke, if the object is still the same.
func (a *azureBucket) Get(ctx context.Context, key string) (io.ReadCloser, Object, error) {
	if err := ValidateKey(key); err != nil {
		return nil, Object{}, a.invalid(azureGet, key, err)
	}
	// The body outlives this call, so its end is tied to the reader's.
	readCtx, cancel := context.WithCancel(ctx)
	var body io.ReadCloser
	var o Object
	err := a.do(ctx, azureGet, key, func() error {
		resp, err := a.container.NewBlobClient(key).DownloadStream(readCtx, nil)
		if err != nil {
			return err
		}
		o = azureObject(key, resp.ContentLength, resp.ETag, resp.LastModified, nil)
		if resp.ContentLength == nil || o.ETag == "" {
			_ = resp.Body.Close()
			return errors.New("the answer tells no length or no ETag of the object")
		}
		body = resp.Body
		if a.cfg.ReadRetries > 0 {
			body = resp.NewRetryReader(readCtx, &blob.RetryReaderOptions{MaxRetries: int32(a.cfg.ReadRetries)}) //nolint:gosec // at most maxRetries
		}
		if len(resp.ContentMD5) == md5.Size {
			body = &summedBody{ReadCloser: body, sum: md5.New(), want: resp.ContentMD5, left: o.Size} //nolint:gosec // see the import
		}
		return nil
	})
	if err != nil {
		cancel()
		return nil, Object{}, err
	}
	return &exactReader{
		ctx:  ctx,
		body: body,
		left: o.Size,
		stop: cancel,
		fail: func(kind, err error) error {
			e := &OpError{Action: "azure:" + azureGet, Bucket: a.name(), Key: key, Kind: kind, Err: err}
			var answer *azcore.ResponseError // to the continuation of a broken download
			if errors.As(err, &answer) {
				text, _ := azureText(answer)
				e.Code, e.Status, e.Err = answer.ErrorCode, answer.StatusCode, errors.New(text)
			}
			return e
		},
	}, o, nil
}

// azureObject describes an object by what the SDK found in an answer. Its ETag
// is without quotes, as listings have it.
func azureObject(key string, size *int64, etag *azcore.ETag, modified *time.Time, tier *string) Object {
	o := Object{Key: key}
	if size != nil {
		o.Size = *size
	}
	if etag != nil {
		o.ETag = strings.Trim(string(*etag), `"`)
	}
	if modified != nil {
		o.LastModified = modified.UTC()
	}
	// Hot, cool and cold blobs are read at once; archived ones must be rehydrated
	// (https://learn.microsoft.com/azure/storage/blobs/access-tiers-overview).
	if tier != nil && *tier == string(blob.AccessTierArchive) {
		o.StorageClass = strings.ToUpper(*tier)
	}
	return o
}

// Stat implements Bucket.
func (a *azureBucket) Stat(ctx context.Context, key string) (Object, error) {
	if err := ValidateKey(key); err != nil {
		return Object{}, a.invalid(azureStat, key, err)
	}
	var o Object
	err := a.do(ctx, azureStat, key, func() error {
		p, err := a.container.NewBlobClient(key).GetProperties(ctx, nil)
		o = azureObject(key, p.ContentLength, p.ETag, p.LastModified, p.AccessTier)
		return err
	})
	if err != nil {
		return Object{}, err
	}
	return o, nil
}

// Put implements Bucket. Every object is one Put Blob, so that no uncommitted
// blocks can stay behind.
func (a *azureBucket) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, cond Condition) (Object, error) {
	for _, err := range []error{ValidateKey(key), validateAzureKey(key), checkCondition(cond), checkBody(body, size)} {
		if err != nil {
			return Object{}, a.invalid(azurePut, key, err)
		}
	}
	if size > maxAzurePut {
		return Object{}, a.invalid(azurePut, key, fmt.Errorf("%d bytes are more than one request can carry, which is %d", size, int64(maxAzurePut)))
	}
	sum, err := checksumOf(body, md5.New()) //nolint:gosec // see the import
	if err != nil {
		return Object{}, a.invalid(azurePut, key, err)
	}
	options := &blockblob.UploadOptions{
		// The sum makes the store refuse what arrives damaged, and is kept for readers.
		TransactionalValidation: blob.TransferValidationTypeMD5(sum),
		HTTPHeaders:             &blob.HTTPHeaders{BlobContentType: to.Ptr(contentType), BlobContentMD5: sum},
		AccessConditions:        azureCondition(cond),
	}
	var o Object
	err = a.do(ctx, azurePut, key, func() error {
		content, err := newAttemptBody(body, size)
		if err != nil {
			return err
		}
		defer content.end()
		stored, err := a.container.NewBlockBlobClient(key).Upload(ctx, content, options)
		o = azureObject(key, &size, stored.ETag, stored.LastModified, nil)
		return err
	})
	if err != nil {
		return Object{}, unmet(err, cond)
	}
	return o, nil
}

func azureCondition(cond Condition) *blob.AccessConditions {
	switch {
	case cond.Absent:
		return &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: to.Ptr(azcore.ETagAny)}}
	case cond.ETag != "":
		return &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: to.Ptr(azcore.ETag(`"` + cond.ETag + `"`))}}
	default:
		return nil
	}
}

// validateAzureKey refuses names that Azure alters on the way: it drops dots at
// the end of a name and of its segments.
func validateAzureKey(key string) error {
	for segment := range strings.SplitSeq(key, "/") {
		if strings.HasSuffix(segment, ".") {
			return fmt.Errorf("key %q has a segment that ends in a dot, which Azure does not keep", key)
		}
	}
	return nil
}

// Delete implements Bucket.
func (a *azureBucket) Delete(ctx context.Context, key string) error {
	if err := ValidateKey(key); err != nil {
		return a.invalid(azureDelete, key, err)
	}
	err := a.do(ctx, azureDelete, key, func() error {
		_, err := a.container.NewBlobClient(key).Delete(ctx, &blob.DeleteOptions{DeleteSnapshots: to.Ptr(blob.DeleteSnapshotsOptionTypeInclude)})
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// List implements Bucket. Azure cannot start a listing after a key, so what
// comes before it is passed over here. A page that fails is asked for again.
func (a *azureBucket) List(ctx context.Context, prefix, after string, fn func(Object) error) error {
	if err := validatePrefix(prefix); err != nil {
		return a.invalid(azureList, prefix, err)
	}
	pages := azurePages{bucket: a, prefix: prefix}
	last := ""
	for !pages.done {
		items, err := pages.next(ctx)
		if err != nil {
			return err
		}
		if pages.folders {
			if items, err = pages.rest(ctx, items); err != nil {
				return err
			}
		}
		for _, o := range items {
			if o.Key <= after && o.Key > last {
				last = o.Key
				continue
			}
			if last, err = inOrder(last, o, fn); errors.Is(err, errDisorder) {
				return a.invalid(azureList, prefix, err)
			} else if err != nil {
				return err
			}
		}
	}
	return nil
}

// azurePages reads a listing page by page.
type azurePages struct {
	bucket  *azureBucket
	prefix  string
	marker  *string
	done    bool
	folders bool // a directory was listed: the account has a hierarchical namespace
}

// rest returns the given objects and those of all further pages in the order of
// keys. Accounts with a hierarchical namespace list each directory with what is
// below it before the directory's next neighbour ("b/c" before "b-c"), so that
// from the first directory on the order is not that of keys.
func (p *azurePages) rest(ctx context.Context, objects []Object) ([]Object, error) {
	for !p.done {
		more, err := p.next(ctx)
		if err != nil {
			return nil, err
		}
		objects = append(objects, more...)
	}
	slices.SortFunc(objects, func(a, b Object) int { return strings.Compare(a.Key, b.Key) })
	return objects, nil
}

// next returns the objects of the next page, which may be none.
func (p *azurePages) next(ctx context.Context) ([]Object, error) {
	var page container.ListBlobsFlatResponse
	err := p.bucket.do(ctx, azureList, p.prefix, func() (err error) {
		pager := p.bucket.container.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{Prefix: &p.prefix, Marker: p.marker})
		page, err = pager.NextPage(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	p.marker = page.NextMarker
	p.done = p.marker == nil || *p.marker == ""
	if page.Segment == nil {
		return nil, nil
	}
	var objects []Object
	for _, item := range page.Segment.BlobItems {
		if item.Name == nil || item.Properties == nil {
			continue
		}
		props := item.Properties
		if props.ResourceType != nil && *props.ResourceType == "directory" {
			p.folders = true
			continue
		}
		objects = append(objects, azureObject(*item.Name, props.ContentLength, props.ETag, props.LastModified, (*string)(props.AccessTier)))
	}
	return objects, nil
}
