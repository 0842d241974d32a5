package push_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/costfile"
	"github.com/fleetcost/fleetcost/internal/push"
)

func TestOwnership(t *testing.T) {
	const created, flag, uid = costfile.ProofNamespaceCreated, costfile.ProofFlag, costfile.ProofNamespaceUID
	for _, c := range []struct {
		name     string
		recorded push.Owner
		ours     push.Owner
		others   []push.Owner
		takeOver bool
		refused  bool
		want     push.Owner // recorded afterwards
	}{
		{name: "first", ours: push.Owner{UID: "a", Proof: uid}, want: push.Owner{UID: "a", Proof: uid}},
		{name: "same", recorded: push.Owner{UID: "a", Proof: uid}, ours: push.Owner{UID: "a", Proof: uid}, want: push.Owner{UID: "a", Proof: uid}},
		{name: "another cluster", recorded: push.Owner{UID: "a", Proof: uid}, ours: push.Owner{UID: "b", Proof: uid}, refused: true, want: push.Owner{UID: "a", Proof: uid}},
		{name: "take over", recorded: push.Owner{UID: "a", Proof: uid}, ours: push.Owner{UID: "b", Proof: uid}, takeOver: true, want: push.Owner{UID: "b", Proof: uid}},
		{name: "flag names the UID", recorded: push.Owner{UID: "a", Proof: uid}, ours: push.Owner{UID: "a", Proof: flag}, want: push.Owner{UID: "a", Proof: uid}},
		{name: "flag names another UID", recorded: push.Owner{UID: "a", Proof: uid}, ours: push.Owner{UID: "b", Proof: flag}, refused: true, want: push.Owner{UID: "a", Proof: uid}},
		{name: "raised from the flag", recorded: push.Owner{UID: "a", Proof: flag}, ours: push.Owner{UID: "a", Proof: uid}, want: push.Owner{UID: "a", Proof: uid}},
		{name: "raised from the metric", recorded: push.Owner{UID: "1700000000", Proof: created}, ours: push.Owner{UID: "a", Proof: uid}, want: push.Owner{UID: "a", Proof: uid}},
		{
			name: "raised, recognised by the metric", recorded: push.Owner{UID: "1700000000", Proof: created},
			ours: push.Owner{UID: "a", Proof: uid}, others: []push.Owner{{UID: "1700000000", Proof: created}}, want: push.Owner{UID: "a", Proof: uid},
		},
		{
			name: "the metric tells another cluster", recorded: push.Owner{UID: "1700000000", Proof: created},
			ours: push.Owner{UID: "a", Proof: uid}, others: []push.Owner{{UID: "1800000000", Proof: created}}, refused: true, want: push.Owner{UID: "1700000000", Proof: created},
		},
		{name: "weaker and not comparable", recorded: push.Owner{UID: "a", Proof: uid}, ours: push.Owner{UID: "1700000000", Proof: created}, refused: true, want: push.Owner{UID: "a", Proof: uid}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx := context.Background()
			b := bucket.NewMemory()
			since := noon.Add(-time.Hour)
			if c.recorded.UID != "" {
				data, err := json.Marshal(costfile.Owner{ClusterID: cluster, UID: c.recorded.UID, Proof: c.recorded.Proof, Agent: "old", Since: since})
				must(t, err)
				_, err = b.Put(ctx, costfile.OwnerKey(cluster), strings.NewReader(string(data)), int64(len(data)), bucket.Condition{})
				must(t, err)
			}
			cfg := config(t, &clock{noon})
			cfg.Owner, cfg.OtherProofs, cfg.TakeOver = c.ours, c.others, c.takeOver
			p := open(t, cfg, b)
			err := p.Start(ctx)
			if errors.Is(err, push.ErrNotOwner) != c.refused || (err != nil) != c.refused {
				t.Fatalf("Start: %v; refused should be %v", err, c.refused)
			}
			var got costfile.Owner
			data, rerr := raw(b, costfile.OwnerKey(cluster))
			must(t, rerr)
			must(t, json.Unmarshal(data, &got))
			if got.UID != c.want.UID || got.Proof != c.want.Proof {
				t.Errorf("recorded owner is %s (%s); want %s (%s)", got.UID, got.Proof, c.want.UID, c.want.Proof)
			}
			if !c.refused {
				return
			}
			if !strings.Contains(err.Error(), c.recorded.UID) || !strings.Contains(err.Error(), "--take-over") {
				t.Errorf("error %q does not name the owner %q and the way out", err, c.recorded.UID)
			}
			must(t, p.Add(ctx, hourOf(midnight, 3600, 1)))
			if _, err := p.Push(ctx, nil); !errors.Is(err, push.ErrNotOwner) {
				t.Errorf("Push: %v; want ErrNotOwner", err)
			}
			if keys := list(t, b); len(keys) != 1 {
				t.Errorf("a refused agent wrote: %v", keys)
			}
		})
	}
}

// TestTakenOver: an agent whose id another cluster takes stops writing, also
// when it once was told to take over.
func TestTakenOver(t *testing.T) {
	ctx := context.Background()
	b := bucket.NewMemory()
	cfg := config(t, &clock{noon})
	cfg.TakeOver = true
	p := open(t, cfg, b)
	must(t, p.Start(ctx))

	other := cfg
	other.SpoolDir, other.Owner.UID = t.TempDir(), "uid-2"
	must(t, open(t, other, b).Start(ctx))

	must(t, p.Add(ctx, hourOf(midnight, 3600, 1)))
	if _, err := p.Push(ctx, nil); !errors.Is(err, push.ErrNotOwner) {
		t.Errorf("Push after a take-over: %v; want ErrNotOwner", err)
	}
}

func list(t testing.TB, b bucket.Bucket) []string {
	t.Helper()
	var keys []string
	must(t, b.List(context.Background(), "", "", func(o bucket.Object) error {
		keys = append(keys, o.Key)
		return nil
	}))
	return keys
}
