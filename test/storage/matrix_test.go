package storage_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fleetcost/fleetcost/internal/bucket"
)

// matrix collects what the tests find: server × login × feature × result.
type matrix struct {
	server, login string // of the rows that follow
	rows          []row
}

type row struct{ server, login, feature, result string }

// check runs one test. What it returns is the result in the table; a result is
// only ever that of a test that passed.
func (m *matrix) check(t *testing.T, feature string, run func(t *testing.T) string) {
	t.Helper()
	server, login := m.server, m.login
	t.Run(strings.ReplaceAll(server+", "+login+", "+feature, "/", "-"), func(t *testing.T) {
		result := run(t)
		m.rows = append(m.rows, row{server, login, feature, result})
	})
}

// markdown is the table as the page has it.
func (m *matrix) markdown() string {
	var b strings.Builder
	b.WriteString("| server | login | feature | result |\n|---|---|---|---|\n")
	for _, r := range m.rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.server, r.login, r.feature, r.result)
	}
	return b.String()
}

// names gives every bucket a name of its own.
type names struct{ n atomic.Int32 }

func (n *names) next() string { return fmt.Sprintf("bucket-%d", n.n.Add(1)) }

// opened is a bucket with what it logs.
type opened struct {
	bucket.Bucket
	log *logText
}

// open opens the bucket of a federated-store.yaml in an environment.
func open(t *testing.T, yaml string, env map[string]string) opened {
	t.Helper()
	cfg, _, err := bucket.ParseConfig("federated-store.yaml", []byte(yaml), bucket.ParseOptions{})
	if err != nil {
		t.Fatalf("%v in:\n%s", err, yaml)
	}
	log := &logText{}
	b, err := bucket.Open(t.Context(), cfg, bucket.Deps{
		Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now:    time.Now, Getenv: func(k string) string { return env[k] },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return opened{b, log}
}

// logText is a log that may be read while it is written.
type logText struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// operations are the requests that agent and server make.
const (
	opPut       = "put"
	opMultipart = "multipart put"
	opGet       = "get"
	opStat      = "stat"
	opList      = "list"
	opDelete    = "delete"
)

// partSize is the smallest that stores take, so that a multipart upload is
// cheap.
const partSize = 5 << 20

// operate makes every request once and returns those that failed. The objects
// "seeded" and "victim" must exist, and part_size be partSize.
func operate(t *testing.T, b bucket.Bucket, key string) map[string]error {
	t.Helper()
	failed := map[string]error{}
	note := func(op string, err error) {
		if err != nil {
			failed[op] = err
		}
	}
	note(opPut, put(t, b, key, 10))
	note(opMultipart, put(t, b, key+"-large", partSize+1))
	body, _, err := b.Get(t.Context(), "seeded")
	if err == nil {
		err = body.Close()
	}
	note(opGet, err)
	_, err = b.Stat(t.Context(), "seeded")
	note(opStat, err)
	note(opList, b.List(t.Context(), "", "", func(bucket.Object) error { return nil }))
	note(opDelete, b.Delete(t.Context(), "victim"))
	return failed
}

func put(t *testing.T, b bucket.Bucket, key string, size int) error {
	t.Helper()
	_, err := b.Put(t.Context(), key, bytes.NewReader(make([]byte, size)), int64(size), bucket.Condition{})
	return err
}

// works fails the test unless the bucket can be written, read and listed.
func works(t *testing.T, b bucket.Bucket) {
	t.Helper()
	if err := put(t, b, "works", 10); err != nil {
		t.Error(err)
	}
	if _, err := b.Stat(t.Context(), "works"); err != nil {
		t.Error(err)
	}
	if err := b.List(t.Context(), "", "", func(bucket.Object) error { return nil }); err != nil {
		t.Error(err)
	}
}

// refusedWith fails the test unless err is of the kind and says every text.
func refusedWith(t *testing.T, err, kind error, texts ...string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("error %v, want %v", err, kind)
		return
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%v does not say %q", err, text)
		}
	}
}

// waitFor returns when ok does.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 30_000 {
		if ok() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("waited in vain for %s", what)
}

func writeFile(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
