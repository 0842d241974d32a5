package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/costfile"
	"github.com/fleetcost/fleetcost/internal/httpapi"
	"github.com/fleetcost/fleetcost/internal/preferences"
	"github.com/fleetcost/fleetcost/internal/query"
)

const savedKey = costfile.StatePrefix + "settings.json"

// nothingSaved is the version of settings that nobody saved.
const nothingSaved = "none"

// savedSettings are what users saved for everybody. They live in the bucket as
// one object; every server of the fleet reads them at each look.
type savedSettings struct {
	bucket  bucket.Bucket
	flag    map[string][]string // aliases of the defaults and of --label-aliases
	inForce func(labelAliases map[string][]string)

	// One reader or writer of the object at a time, so that what is in force is
	// what was read or written last.
	turn sync.Mutex

	mu      sync.RWMutex
	loaded  bool
	etag    string
	version string
	doc     preferences.Document
	broken  error // why the object is not in force
}

func newSavedSettings(b bucket.Bucket, flag map[string]string, inForce func(map[string][]string)) *savedSettings {
	aliases := query.DefaultLabelAliases()
	for name, list := range flag {
		aliases[name] = strings.Split(list, "|")
	}
	s := &savedSettings{bucket: b, flag: aliases, inForce: inForce, version: nothingSaved}
	inForce(aliases)
	return s
}

// aliases are those of a document over those of the flag.
func (s *savedSettings) aliases(d *preferences.Document) map[string][]string {
	out := make(map[string][]string, len(s.flag))
	for name, labels := range s.flag {
		out[name] = labels
		if saved, ok := d.LabelAliases[name]; ok {
			out[name] = saved
		}
	}
	return out
}

// stored is the object as it lies in the bucket; text is nil where there is
// none.
type stored struct {
	text    []byte
	etag    string
	version string
}

func versionOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

func (s *savedSettings) read(ctx context.Context) (stored, error) {
	body, o, err := s.bucket.Get(ctx, savedKey)
	if errors.Is(err, bucket.ErrNotFound) {
		return stored{version: nothingSaved}, nil
	}
	if err != nil {
		return stored{}, fmt.Errorf("read %s: %w", savedKey, err)
	}
	defer body.Close()
	// One byte more than allowed tells a long object from one that just fits.
	text, err := io.ReadAll(io.LimitReader(body, preferences.MaxBytes+1))
	if err != nil {
		return stored{}, fmt.Errorf("read %s: %w", savedKey, err)
	}
	return stored{text, o.ETag, versionOf(text)}, nil
}

// load reads the settings again, unless the object is the one in force. A
// document that cannot be understood is no error: the defaults are in force,
// and problem says why.
func (s *savedSettings) load(ctx context.Context) error {
	s.turn.Lock()
	defer s.turn.Unlock()
	var found *bucket.Object
	err := s.bucket.List(ctx, savedKey, "", func(o bucket.Object) error {
		if o.Key == savedKey {
			found = &o
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("look for the saved settings: %w", err)
	}
	s.mu.RLock()
	same := s.loaded && (found == nil && s.version == nothingSaved || found != nil && found.ETag == s.etag)
	s.mu.RUnlock()
	if same {
		return nil
	}
	at := stored{version: nothingSaved}
	if found != nil {
		if at, err = s.read(ctx); err != nil {
			return err
		}
	}
	s.take(at)
	return nil
}

// take puts what lies in the bucket in force.
func (s *savedSettings) take(at stored) {
	var doc preferences.Document
	var broken error
	switch {
	case at.text == nil:
	case len(at.text) > preferences.MaxBytes:
		broken = fmt.Errorf("it is longer than %d bytes", preferences.MaxBytes)
	default:
		doc, broken = preferences.Parse(at.text)
	}
	s.mu.Lock()
	s.loaded, s.etag, s.version, s.doc, s.broken = true, at.etag, at.version, doc, broken
	s.mu.Unlock()
	s.inForce(s.aliases(&doc))
}

// errConflict says that the settings are not those that a writer knew.
var errConflict = errors.New("saved by somebody else in between")

// save writes the settings over those of a version, which is nothingSaved where
// there were none. If others lie there by now it is errConflict, and those are
// in force.
func (s *savedSettings) save(ctx context.Context, doc *preferences.Document, over string) error {
	text, err := doc.Encode()
	if err != nil {
		return err
	}
	s.turn.Lock()
	defer s.turn.Unlock()
	caps, err := s.bucket.Capabilities(ctx)
	if err != nil {
		return fmt.Errorf("ask what the bucket can do: %w", err)
	}
	at, err := s.read(ctx)
	if err != nil {
		return err
	}
	if at.version != over {
		s.take(at)
		return errConflict
	}
	var cond bucket.Condition
	if caps.ConditionalPut {
		cond = bucket.Condition{Absent: at.text == nil, ETag: at.etag}
	}
	o, err := s.bucket.Put(ctx, savedKey, bytes.NewReader(text), int64(len(text)), cond)
	if errors.Is(err, bucket.ErrPrecondition) {
		// Somebody else's, or ours whose answer was lost.
		if at, err = s.read(ctx); err != nil {
			return err
		}
		s.take(at)
		if !bytes.Equal(at.text, text) {
			return errConflict
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", savedKey, err)
	}
	s.take(stored{text, o.ETag, versionOf(text)})
	return nil
}

// forPages is what the pages need before they ask anything.
func (s *savedSettings) forPages() string {
	s.mu.RLock()
	doc := preferences.Document{CurrencyFormat: s.doc.CurrencyFormat, Views: s.doc.Views}
	s.mu.RUnlock()
	text, err := json.Marshal(doc)
	if err != nil { // texts and numbers always can
		return "{}"
	}
	return string(text)
}

// Settings implements httpapi.Settings. What the bucket holds now is read
// first, so that a page that saves knows the latest; where that fails the
// answer is what is in force, and says so.
func (f *fleet) Settings(ctx context.Context) (*httpapi.SettingsState, error) {
	s := f.s
	err := s.saved.load(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	out := f.settings()
	if err != nil {
		out.Problem = s.storageProblem(err)
		out.Problem.Message = "the saved settings could not be read just now, so these may be old: " + out.Problem.Message
	}
	return out, nil
}

func (f *fleet) settings() *httpapi.SettingsState {
	saved := f.s.saved
	saved.mu.RLock()
	defer saved.mu.RUnlock()
	out := &httpapi.SettingsState{
		Version: saved.version, Saved: saved.doc, Key: savedKey, Locales: preferences.Locales(),
		LabelAliases: saved.aliases(&saved.doc), DefaultLabelAliases: saved.flag,
	}
	if saved.broken != nil {
		out.Problem = &httpapi.FleetProblem{
			Code:    "settings broken",
			Message: fmt.Sprintf("%s in the bucket cannot be understood, so nothing of it is in force: %s", savedKey, saved.broken),
			Fix:     "repair or delete the object, or save the settings here, which replaces it",
		}
	}
	return out
}

// SaveSettings implements httpapi.Settings.
func (f *fleet) SaveSettings(ctx context.Context, doc *preferences.Document, over string) (*httpapi.SettingsState, error) {
	err := f.s.saved.save(ctx, doc, over)
	switch {
	case errors.Is(err, errConflict):
		return f.settings(), httpapi.ErrSettingsConflict
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, &httpapi.StorageError{Act: "save the settings", Problem: f.s.storageProblem(err)}
	}
	return f.settings(), nil
}

// LabelAliases implements httpapi.Settings.
func (f *fleet) LabelAliases() map[string][]string { return f.settings().LabelAliases }
