package push

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/fleetcost/fleetcost/internal/costfile"
)

// ErrNotOwner says that the cluster id belongs to another cluster. Nothing was
// or will be written.
var ErrNotOwner = errors.New("cluster id belongs to another cluster")

// own makes sure that owner.json names this cluster: creates it, recognises
// it, raises its proof, or takes it over when told to.
func (p *Pusher) own(ctx context.Context) error {
	key := costfile.OwnerKey(p.cfg.ClusterID)
	var next *costfile.Owner
	var why string
	err := p.rewrite(ctx, key, func(was document) (data []byte, err error) {
		var rec *costfile.Owner
		if was.etag != "" {
			rec = &costfile.Owner{}
			if err := json.Unmarshal(was.data, rec); err != nil {
				return nil, fmt.Errorf("read %s: %w; if nobody else uses the cluster id, delete the object", key, err)
			}
		}
		if next, why, err = p.judge(rec); err != nil || next == nil {
			return nil, err
		}
		data, err = json.MarshalIndent(next, "", "  ")
		if err != nil {
			return nil, fmt.Errorf("encode owner: %w", err)
		}
		return data, nil
	})
	if err == nil && next != nil {
		p.logger.Info("owner.json written", "why", why, "uid", next.UID, "proof", next.Proof)
	}
	return err
}

// judge compares the recorded owner, nil for none, with this cluster. It
// returns what to record instead, nil to leave it, and why.
func (p *Pusher) judge(rec *costfile.Owner) (next *costfile.Owner, why string, err error) {
	next = &costfile.Owner{
		ClusterID: p.cfg.ClusterID, UID: p.cfg.Owner.UID, Proof: p.cfg.Owner.Proof,
		Agent: p.cfg.Writer, Since: p.cfg.Now().UTC().Truncate(time.Second),
	}
	if rec == nil {
		return next, "the cluster id is now this cluster's", nil
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
	case same && !stronger:
		return nil, "", nil
	case same, !compared && stronger:
		next.Since = rec.Since
		return next, fmt.Sprintf("proof of ownership raised; so far the owner was known as %s (%s)", rec.UID, rec.Proof), nil
	case p.cfg.TakeOver && !p.ready:
		return next, fmt.Sprintf("the cluster id is taken over from cluster %s (%s)", rec.UID, rec.Proof), nil
	}
	return nil, "", fmt.Errorf("%q in %s is owned since %s by the cluster with UID %s (by %s, written by %s); this cluster is %s (by %s): give this cluster another --cluster-id, or, if it replaces the other, start it once with --take-over: %w",
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
