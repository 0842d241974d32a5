package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/httpapi"
	"github.com/fleetcost/fleetcost/internal/preferences"
)

// applied remembers the aliases put in force last.
type applied struct{ aliases map[string][]string }

func (a *applied) inForce(m map[string][]string) { a.aliases = m }

func document(t *testing.T, text string) *preferences.Document {
	t.Helper()
	d, err := preferences.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return &d
}

func TestSavedOverridesTheFlag(t *testing.T) {
	b := bucket.NewMemory()
	var a applied
	s := newSavedSettings(b, map[string]string{"team": "team|squad", "owner": "owner"}, a.inForce)
	if err := s.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(a.aliases["team"], " "); got != "team squad" {
		t.Errorf("nothing saved: team is %s", got)
	}
	if err := s.save(t.Context(), document(t, `{"labelAliases": {"team": ["crew"]}, "views": {"idle": "hide"}}`), nothingSaved); err != nil {
		t.Fatal(err)
	}
	if a.aliases["team"][0] != "crew" || a.aliases["owner"][0] != "owner" || a.aliases["product"][0] != "app" {
		t.Errorf("in force: %v", a.aliases)
	}
	if got := s.forPages(); got != `{"views":{"idle":"hide"}}` {
		t.Errorf("for the pages: %s", got)
	}

	// After a restart, and on another server.
	var other applied
	again := newSavedSettings(b, nil, other.inForce)
	if err := again.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if other.aliases["team"][0] != "crew" || again.version != s.version {
		t.Errorf("another server: %v at %s, want %s", other.aliases, again.version, s.version)
	}
	// Taken back, the flag's are in force again.
	if err := again.save(t.Context(), document(t, `{}`), again.version); err != nil {
		t.Fatal(err)
	}
	if err := s.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(a.aliases["team"], " "); got != "team squad" {
		t.Errorf("taken back: team is %s", got)
	}
	// Deleted by hand is nothing saved.
	if err := b.Delete(t.Context(), savedKey); err != nil {
		t.Fatal(err)
	}
	if err := s.load(t.Context()); err != nil || s.version != nothingSaved {
		t.Errorf("deleted: version %s, %v", s.version, err)
	}
}

func TestSavedConflict(t *testing.T) {
	b := bucket.NewMemory()
	one := newSavedSettings(b, nil, new(applied).inForce)
	mine, theirs := document(t, `{"views": {"idle": "share"}}`), document(t, `{"views": {"idle": "hide"}}`)
	if err := one.save(t.Context(), theirs, nothingSaved); err != nil {
		t.Fatal(err)
	}
	// Two has not seen it.
	two := newSavedSettings(b, nil, new(applied).inForce)
	if err := two.save(t.Context(), mine, nothingSaved); !errors.Is(err, errConflict) {
		t.Errorf("saved over what it had not seen: %v", err)
	}
	if two.version != one.version || two.doc.Views.Idle != "hide" {
		t.Errorf("after the conflict: %+v at %s", two.doc, two.version)
	}
	if err := two.save(t.Context(), mine, two.version); err != nil {
		t.Errorf("after reading: %v", err)
	}

	// Somebody writes between reading and writing.
	three := newSavedSettings(&racing{Bucket: b, first: func() {
		if err := one.load(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := one.save(t.Context(), theirs, one.version); err != nil {
			t.Fatal(err)
		}
	}}, nil, new(applied).inForce)
	if err := three.save(t.Context(), mine, two.version); !errors.Is(err, errConflict) {
		t.Errorf("overwrote a write in between: %v", err)
	}
	if err := one.load(t.Context()); err != nil || one.doc.Views.Idle != "hide" {
		t.Errorf("the bucket holds %+v, %v", one.doc, err)
	}
}

// lossy writes, and loses the answer: a retried conditional write then finds
// its own object.
type lossy struct{ bucket.Bucket }

func (l *lossy) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, cond bucket.Condition) (bucket.Object, error) {
	if _, err := l.Bucket.Put(ctx, key, body, size, cond); err != nil {
		return bucket.Object{}, err
	}
	return bucket.Object{}, bucket.ErrPrecondition
}

func TestSavedAnswerLost(t *testing.T) {
	s := newSavedSettings(&lossy{bucket.NewMemory()}, nil, new(applied).inForce)
	if err := s.save(t.Context(), document(t, `{"views": {"idle": "hide"}}`), nothingSaved); err != nil {
		t.Errorf("its own write is a conflict: %v", err)
	}
	if s.doc.Views == nil || s.version == nothingSaved {
		t.Errorf("in force: %+v", s.doc)
	}
}

// A document that nobody understands leaves the defaults in force, is shown,
// and is replaced only by who saw it.
func TestSavedBroken(t *testing.T) {
	b := bucket.NewMemory()
	for _, text := range []string{`{"labelAliases": {"team": ["crew"]}, "viewz": {}}`, "\x00", `{"views": {}}` + strings.Repeat(" ", preferences.MaxBytes)} {
		if _, err := b.Put(t.Context(), savedKey, bytes.NewReader([]byte(text)), int64(len(text)), bucket.Condition{}); err != nil {
			t.Fatal(err)
		}
		var a applied
		s := newSavedSettings(b, nil, a.inForce)
		if err := s.load(t.Context()); err != nil {
			t.Fatalf("%.40q: %v", text, err)
		}
		if s.broken == nil || a.aliases["team"][0] != "team" || s.forPages() != "{}" {
			t.Errorf("%.40q: broken %v, team %v", text, s.broken, a.aliases["team"])
		}
		if err := s.save(t.Context(), document(t, `{}`), nothingSaved); !errors.Is(err, errConflict) {
			t.Errorf("%.40q: overwritten unseen: %v", text, err)
		}
		if err := s.save(t.Context(), document(t, `{}`), s.version); err != nil || s.broken != nil {
			t.Errorf("%.40q: replaced: %v, broken %v", text, err, s.broken)
		}
	}
}

// refusing is a bucket that can be read only.
type refusing struct{ bucket.Bucket }

func (refusing) Put(context.Context, string, io.ReadSeeker, int64, bucket.Condition) (bucket.Object, error) {
	return bucket.Object{}, bucket.ErrDenied
}

func TestSavedRefusedByTheBucket(t *testing.T) {
	var a applied
	s := newSavedSettings(refusing{bucket.NewMemory()}, nil, a.inForce)
	err := s.save(t.Context(), document(t, `{"labelAliases": {"team": ["crew"]}}`), nothingSaved)
	if !errors.Is(err, bucket.ErrDenied) || !strings.Contains(err.Error(), savedKey) {
		t.Errorf("save: %v", err)
	}
	if a.aliases["team"][0] != "team" || s.version != nothingSaved {
		t.Errorf("half done: %v at %s", a.aliases, s.version)
	}
	if err := s.load(t.Context()); err != nil {
		t.Errorf("reading: %v", err)
	}
}

// away is a bucket that cannot be reached.
type away struct{ bucket.Bucket }

func (away) List(context.Context, string, string, func(bucket.Object) error) error {
	return bucket.ErrUnavailable
}

// While the bucket is away the answer is what is in force, and says so.
func TestSettingsWhileTheBucketIsAway(t *testing.T) {
	b := bucket.NewMemory()
	s := &Server{saved: newSavedSettings(b, nil, new(applied).inForce)}
	f := &fleet{s: s}
	saved, err := f.SaveSettings(t.Context(), document(t, `{"views": {"idle": "share"}}`), nothingSaved)
	if err != nil {
		t.Fatal(err)
	}
	s.saved.bucket = away{b}
	got, err := f.Settings(t.Context())
	if err != nil || got.Version != saved.Version || got.Saved.Views.Idle != preferences.TreatShare {
		t.Fatalf("%+v, %v", got, err)
	}
	if got.Problem == nil || !strings.Contains(got.Problem.Message, "may be old") {
		t.Errorf("problem %+v", got.Problem)
	}
	if _, err := f.SaveSettings(t.Context(), document(t, `{}`), "other"); !errors.Is(err, httpapi.ErrSettingsConflict) {
		t.Errorf("another version: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Settings(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
