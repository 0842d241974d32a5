package storage_test

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/demo"
	"github.com/fleetcost/fleetcost/internal/ingest"
	"github.com/fleetcost/fleetcost/internal/simulate"
	"github.com/fleetcost/fleetcost/internal/store"
)

// seedPolicy is the policy of the storage page that users come from, as it is
// written there, for a bucket.
func seedPolicy(bucket string) string {
	return strings.ReplaceAll(`{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "Statement",
            "Effect": "Allow",
            "Action": [
                "s3:ListBucket",
                "s3:GetObject",
                "s3:DeleteObject",
                "s3:PutObject",
                "s3:PutObjectAcl"
            ],
            "Resource": [
                "arn:aws:s3:::<your-bucket-name>/*",
                "arn:aws:s3:::<your-bucket-name>"
            ]
        }
    ]
}`, "<your-bucket-name>", bucket)
}

// clusterPolicy lets one agent at its own cluster's keys and the price books
// alone.
func clusterPolicy(bucket, cluster string) string {
	return fmt.Sprintf(`{
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject", "s3:PutObjectAcl"], "Resource": ["arn:aws:s3:::%[1]s/*/cluster_id=%[2]s/*"]},
    {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::%[1]s/v1/price_book/*"]}
  ]
}`, bucket, cluster)
}

// The seed's two files, word for word, for a bucket on a server without TLS.
const (
	seedKeys = `type: S3
config:
  bucket: "kubecost-federated-storage-bucket"
  endpoint: "s3.amazonaws.com"
  region: "us-east-1"
  access_key: "<your-access-key>"
  secret_key: "<your-secret-key>"
  insecure: false
  signature_version2: false
  put_user_metadata:
      "X-Amz-Acl": "bucket-owner-full-control"
  http_config:
    idle_conn_timeout: 90s
    response_header_timeout: 2m
    insecure_skip_verify: false
  trace:
    enable: true
  part_size: 134217728
`
	seedRole = `type: S3
config:
  bucket: "kubecost-federated-storage-bucket"
  endpoint: "s3.amazonaws.com"
  region: "us-east-1"
  insecure: false
  signature_version2: false
  put_user_metadata:
      "X-Amz-Acl": "bucket-owner-full-control"
  http_config:
    idle_conn_timeout: 90s
    response_header_timeout: 2m
    insecure_skip_verify: false
  trace:
    enable: true
  part_size: 134217728
`
)

// seedYAML is one of the seed's files, adapted in nothing but where the store
// is and the keys.
func seedYAML(text, bucket, endpoint, accessKey, secretKey string) string {
	return strings.NewReplacer(
		"kubecost-federated-storage-bucket", bucket, "s3.amazonaws.com", endpoint, "insecure: false", "insecure: true",
		"<your-access-key>", accessKey, "<your-secret-key>", secretKey,
	).Replace(text)
}

// smallParts makes multipart uploads cheap.
func smallParts(yaml string) string {
	return strings.Replace(yaml, "part_size: 134217728", fmt.Sprintf("part_size: %d", partSize), 1)
}

// withoutAction are the requests that fail when one of the five actions is
// removed from the seed's policy.
func withoutAction() []struct {
	action string
	denied []string
} {
	return []struct {
		action string
		denied []string
	}{
		{"s3:ListBucket", []string{opList}},
		{"s3:GetObject", []string{opGet, opStat}},
		{"s3:DeleteObject", []string{opDelete}},
		{"s3:PutObject", []string{opPut, opMultipart}},
		{"s3:PutObjectAcl", []string{opPut, opMultipart}},
	}
}

// checkDenied fails the test unless exactly the named requests were denied,
// each with an error that names the action.
func checkDenied(t *testing.T, failed map[string]error, action string, denied []string) {
	t.Helper()
	for op, err := range failed {
		if !slices.Contains(denied, op) {
			t.Errorf("%s: %v", op, err)
			continue
		}
		refusedWith(t, err, bucket.ErrDenied, action)
	}
	for _, op := range denied {
		if failed[op] == nil {
			t.Errorf("%s was allowed without %s", op, action)
		}
	}
}

// fleetNow is the clock of the simulated fleet.
var fleetNow = time.Date(2026, 11, 22, 7, 20, 0, 0, time.UTC)

// pushFleet lets real agents of a simulated fleet backfill and push their past,
// and returns the names of their clusters.
func pushFleet(t *testing.T, b bucket.Bucket, clusters int) []string {
	t.Helper()
	end := cost.HourOf(fleetNow)
	fleet := simulate.NewFleet(simulate.Options{Seed: 7, Clusters: clusters, Containers: 20 * clusters, Start: end - 26, End: end})
	cfg := demo.Config{Days: 2, Now: func() time.Time { return fleetNow }, Logger: slog.New(slog.DiscardHandler), PushInterval: time.Minute}
	pipes, err := demo.Fill(t.Context(), cfg, fleet, b, t.TempDir())
	for _, p := range pipes {
		if err := p.Pusher.Close(); err != nil {
			t.Error(err)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range fleet.Clusters() {
		names = append(names, c.Name)
	}
	return names
}

// firstCluster is the name of the first cluster of pushFleet's fleet.
func firstCluster() string {
	end := cost.HourOf(fleetNow)
	return simulate.NewFleet(simulate.Options{Seed: 7, Clusters: 1, Containers: 20, Start: end - 26, End: end}).Clusters()[0].Name
}

// loadFleet lets a real server load everything from the bucket, twice, and
// returns how many objects it loaded.
func loadFleet(t *testing.T, b bucket.Bucket) int {
	t.Helper()
	dir := t.TempDir()
	st, err := store.Open(t.Context(), store.Config{Path: filepath.Join(dir, "store.duckdb")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	in, err := ingest.New(t.Context(), ingest.Config{CacheDir: filepath.Join(dir, "cache"), Now: func() time.Time { return fleetNow }},
		b, st, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	loaded := 0
	for range 2 {
		report, err := in.Sync(t.Context())
		if err != nil || report.Failed > 0 || report.Quarantined > 0 {
			t.Fatalf("%+v, %v", report, err)
		}
		loaded += report.Loaded
	}
	return loaded
}

// wholeFleet runs everything that agents and server do in one bucket.
func wholeFleet(t *testing.T, b bucket.Bucket) string {
	t.Helper()
	clusters := pushFleet(t, b, 3)
	if loaded := loadFleet(t, b); loaded < 3*len(clusters) {
		t.Errorf("only %d objects of %d clusters were loaded", loaded, len(clusters))
	}
	// What the server writes and removes, as for a retired cluster.
	const state = "v1/state/retired/cluster_id=gone.json"
	if err := put(t, b, state, 10); err != nil {
		t.Error(err)
	}
	if err := b.Delete(t.Context(), state); err != nil {
		t.Error(err)
	}
	return "suffices"
}

// ownClusterOnly runs an agent under clusterPolicy and tries what it may not.
func ownClusterOnly(t *testing.T, b bucket.Bucket, root bucket.Bucket) string {
	t.Helper()
	if err := put(t, root, "v1/price_book/aws/us-east-1.parquet", 10); err != nil {
		t.Fatal(err)
	}
	const foreign = "v1/cluster/cluster_id=other/status.json"
	if err := put(t, root, foreign, 10); err != nil {
		t.Fatal(err)
	}
	pushFleet(t, b, 1)
	if _, err := b.Stat(t.Context(), "v1/price_book/aws/us-east-1.parquet"); err != nil {
		t.Errorf("read the price book: %v", err)
	}
	own := "v1/cluster/cluster_id=" + firstCluster() + "/status.json"
	for what, try := range map[string]struct {
		action string
		do     func() error
	}{
		"write another cluster's": {"s3:PutObject", func() error { return put(t, b, foreign, 10) }},
		"read another cluster's":  {"s3:GetObject", func() error { _, err := b.Stat(t.Context(), foreign); return err }},
		"write a price book":      {"s3:PutObject", func() error { return put(t, b, "v1/price_book/aws/us-east-1.parquet", 10) }},
		"delete its own":          {"s3:DeleteObject", func() error { return b.Delete(t.Context(), own) }},
		"list": {"s3:ListBucket", func() error {
			return b.List(t.Context(), "", "", func(bucket.Object) error { return nil })
		}},
	} {
		err := try.do()
		if err == nil {
			t.Errorf("it may %s", what)
			continue
		}
		refusedWith(t, err, bucket.ErrDenied, try.action)
	}
	if err := root.Delete(t.Context(), foreign); err != nil { // it is no status
		t.Fatal(err)
	}
	if loaded := loadFleet(t, root); loaded == 0 {
		t.Error("the server loaded nothing")
	}
	return "suffices for its agent; all else denied"
}
