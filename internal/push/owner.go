package push

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/costfile"
)

// ErrNotOwner says that the cluster id belongs to another cluster. Nothing was
// or will be written.
var ErrNotOwner = errors.New("cluster id belongs to another cluster")

// maxDocument bounds owner.json and status.json.
const maxDocument = 64 << 20

// own makes sure that owner.json names this cluster: creates it, recognises
// it, raises its proof, or takes it over when told to.
func (p *Pusher) own(ctx context.Context) error {
	key := costfile.OwnerKey(p.cfg.ClusterID)
	for attempt := range maxAttempts {
		if err := pause(ctx, attempt); err != nil {
			return err
		}
		rec, etag, err := p.readOwner(ctx, key)
		denied := errors.Is(err, bucket.ErrDenied)
		if err != nil && !denied {
			return err
		}
		write, why, ownErr := p.judge(rec)
		if ownErr != nil || !write {
			return ownErr
		}
		putErr := p.writeOwner(ctx, key, etag)
		switch {
		case putErr == nil:
			p.logger.Info(why, "uid", p.cfg.Owner.UID, "proof", p.cfg.Owner.Proof)
			return nil
		case errors.Is(putErr, bucket.ErrPrecondition) && denied && attempt > 0:
			return p.explainDenied(ctx, key, err)
		case !errors.Is(putErr, bucket.ErrPrecondition):
			return putErr
		}
	}
	return fmt.Errorf("write %s: other writers changed it %d times in a row: %w", key, maxAttempts, bucket.ErrPrecondition)
}

// judge compares the recorded owner, nil for none, with this cluster.
func (p *Pusher) judge(rec *costfile.Owner) (write bool, why string, err error) {
	if rec == nil {
		return true, "cluster id is now owned by this cluster", nil
	}
	ours := append([]Owner{p.cfg.Owner}, p.cfg.OtherProofs...)
	same, compared := false, false
	for _, o := range ours {
		if sameKind(o.Proof, rec.Proof) {
			compared = true
			same = same || o.UID == rec.UID
		}
	}
	stronger := proofStrength(p.cfg.Owner.Proof) > proofStrength(rec.Proof)
	switch {
	case same && stronger:
		return true, "proof of ownership raised", nil
	case same:
		return false, "", nil
	case p.cfg.TakeOver:
		return true, fmt.Sprintf("cluster id taken over from cluster %s (%s)", rec.UID, rec.Proof), nil
	case !compared && stronger:
		return true, fmt.Sprintf("proof of ownership raised; the owner so far was known as %s (%s)", rec.UID, rec.Proof), nil
	}
	return false, "", fmt.Errorf("%q in %s is owned since %s by the cluster with UID %s (by %s, written by %s); this cluster is %s (by %s): give this cluster another --cluster-id, or, if it replaces the other, start once with --take-over: %w",
		p.cfg.ClusterID, p.bucket, rec.Since.Format(time.RFC3339), rec.UID, rec.Proof, rec.Agent, p.cfg.Owner.UID, p.cfg.Owner.Proof, ErrNotOwner)
}

// sameKind tells whether UIDs behind two kinds of proof are of one kind: the
// operator's flag holds the UID of the kube-system namespace, a creation time
// is something else.
func sameKind(a, b costfile.Proof) bool {
	return (a == costfile.ProofNamespaceCreated) == (b == costfile.ProofNamespaceCreated)
}

// proofStrength orders the kinds of proof; 0 is none that is known.
func proofStrength(p costfile.Proof) int {
	switch p {
	case costfile.ProofNamespaceCreated:
		return 1
	case costfile.ProofFlag:
		return 2
	case costfile.ProofNamespaceUID:
		return 3
	}
	return 0
}

// readOwner returns nil when there is none, together with bucket.ErrDenied
// when that is only likely.
func (p *Pusher) readOwner(ctx context.Context, key string) (*costfile.Owner, string, error) {
	data, etag, err := p.readDocument(ctx, key)
	if err != nil || etag == "" {
		return nil, "", err
	}
	var rec costfile.Owner
	if err := json.Unmarshal(data, &rec); err != nil {
		return nil, "", fmt.Errorf("read %s: %w; if nobody else uses the cluster id, delete the object", key, err)
	}
	return &rec, etag, nil
}

func (p *Pusher) writeOwner(ctx context.Context, key, etag string) error {
	data, err := json.MarshalIndent(costfile.Owner{
		ClusterID: p.cfg.ClusterID, UID: p.cfg.Owner.UID, Proof: p.cfg.Owner.Proof,
		Agent: p.cfg.Writer, Since: p.cfg.Now().UTC().Truncate(time.Second),
	}, "", "  ")
	if err != nil {
		return fmt.Errorf("encode owner: %w", err)
	}
	_, err = p.writeDocument(ctx, key, data, etag)
	return err
}

// readDocument reads a small object; etag is "" when there is none. A denied
// read, which may mean the same, is bucket.ErrDenied.
func (p *Pusher) readDocument(ctx context.Context, key string) (data []byte, etag string, err error) {
	body, obj, err := p.bucket.Get(ctx, key)
	if errors.Is(err, bucket.ErrNotFound) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("read %s: %w", key, err)
	}
	defer body.Close()
	data, err = io.ReadAll(io.LimitReader(body, maxDocument+1))
	if err != nil {
		return nil, "", fmt.Errorf("read %s: %w", key, err)
	}
	if len(data) > maxDocument {
		return nil, "", fmt.Errorf("read %s: it has more than %d bytes", key, maxDocument)
	}
	return data, obj.ETag, nil
}

// writeDocument writes a small object on the condition that it still has the
// ETag; "" means that it must not exist.
func (p *Pusher) writeDocument(ctx context.Context, key string, data []byte, etag string) (bucket.Object, error) {
	cond := bucket.Condition{Absent: etag == "", ETag: etag}
	if !p.caps.ConditionalPut {
		cond = bucket.Condition{}
	}
	obj, err := p.bucket.Put(ctx, key, bytes.NewReader(data), int64(len(data)), cond)
	if err != nil {
		return obj, fmt.Errorf("write %s: %w", key, err)
	}
	return obj, nil
}
