package server_test

import (
	"database/sql"
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/ops"
	"github.com/fleetcost/fleetcost/test/servers"
)

// The SQL of an explanation names the objects of an S3 bucket by addresses
// under which the store has them, and over their content it gives the number.
//
// DuckDB's httpfs, which reads s3:// itself, is downloaded by DuckDB and so not
// there in an offline test: our client fetches the very keys that the statement
// names, and the statement is run with its addresses pointing to what it got.
func TestExplainedSQLOnS3(t *testing.T) {
	gw := servers.StartVersityGW(t)
	gw.CreateBucket("fleet-costs")
	file := filepath.Join(t.TempDir(), "federated-store.yaml")
	yaml := gw.ConfigYAML("fleet-costs") + "prefix: costs/all\n"
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	parsed, _, err := bucket.ParseConfig(file, []byte(yaml), bucket.ParseOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s3, err := bucket.Open(t.Context(), parsed, bucket.Deps{Logger: ops.Discard(), Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	defer s3.Close()
	copyBucket(t, readOnly(t), s3)

	cfg := config(nil, t.TempDir())
	cfg.Bucket, cfg.StorageConfig, cfg.Getenv = nil, file, func(string) string { return "" }
	r := start(t, cfg)
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	const prefix = "s3://fleet-costs/costs/all/"
	for _, path := range []string{
		"allocation?window=48h&aggregate=cluster,namespace&shareIdle=true", "allocation?window=today&aggregate=namespace&row=__idle__",
		"assets?window=48h&aggregate=type&row=Node", "assets?window=48h&aggregate=nodePool,instanceType",
	} {
		status, body := r.get("/api/v1/explain/" + path)
		var out struct {
			Data struct {
				Row           struct{ Total json.Number }
				Objects       []struct{ Key string }
				SQL, SQLSetup string
			}
		}
		if err := json.Unmarshal(body, &out); status != http.StatusOK || err != nil {
			t.Fatalf("%s: %d %v %s", path, status, err, body)
		}
		x := &out.Data
		for _, want := range []string{"LOAD httpfs", "REGION 'us-east-1'", "ENDPOINT '" + gw.Endpoint() + "'", "URL_STYLE 'path'", "USE_SSL false"} {
			if !strings.Contains(x.SQLSetup, want) {
				t.Errorf("%s: the set-up lacks %s: %s", path, want, x.SQLSetup)
			}
		}
		if text := x.SQL + x.SQLSetup; strings.Contains(text, gw.SecretKey()) || strings.Contains(text, gw.AccessKey()) {
			t.Errorf("%s: the text has a secret in it", path)
		}
		var named, said []string
		for _, m := range regexp.MustCompile(`'`+regexp.QuoteMeta(prefix)+`([^']+)'`).FindAllStringSubmatch(x.SQL, -1) {
			named = append(named, m[1])
		}
		slices.Sort(named)
		named = slices.Compact(named)
		for _, o := range x.Objects {
			said = append(said, o.Key)
		}
		slices.Sort(said)
		if len(named) == 0 || !slices.Equal(named, said) {
			t.Fatalf("%s: the statement reads %q, the answer names %q", path, named, said)
		}
		dir := t.TempDir()
		for _, key := range named {
			download(t, s3, key, filepath.Join(dir, key))
		}
		text := "SELECT coalesce(sum(total), 0)::VARCHAR FROM (" + strings.TrimSuffix(strings.TrimSpace(strings.ReplaceAll(x.SQL, prefix, dir+"/")), ";") + ")"
		var got string
		if err := db.QueryRowContext(t.Context(), text).Scan(&got); err != nil {
			t.Fatalf("%s: %v\n%s", path, err, text)
		}
		have, _ := new(big.Rat).SetString(got)
		want, _ := new(big.Rat).SetString(x.Row.Total.String())
		if have == nil || want == nil || want.Sign() <= 0 || have.Cmp(want) != 0 {
			t.Errorf("%s: the objects say %s, the answer %s", path, got, x.Row.Total)
		}
	}
}

// copyBucket puts every object of a bucket into another.
func copyBucket(t *testing.T, from, to bucket.Bucket) {
	t.Helper()
	var keys []string
	if err := from.List(t.Context(), "", "", func(o bucket.Object) error {
		keys = append(keys, o.Key)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, key := range keys {
		path := filepath.Join(dir, key)
		download(t, from, key, path)
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := to.Put(t.Context(), key, f, info.Size(), bucket.Condition{}); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func download(t *testing.T, b bucket.Bucket, key, path string) {
	t.Helper()
	body, _, err := b.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
