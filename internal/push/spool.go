package push

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
)

// ErrSpoolFull says that hours could not be made durable: the disk is full, or
// the spool is at its limit and everything in it is newer. They are not lost as
// long as the source has them: they count as missing.
var ErrSpoolFull = errors.New("spool is full")

// ErrSpoolInUse says that another process uses the spool directory.
var ErrSpoolInUse = errors.New("spool directory is in use by another process")

// spool holds closed hours on disk until the bucket has them, one file per UTC
// day. It is not safe for concurrent use; the Pusher's mutex guards it.
type spool struct {
	dir      string
	maxDays  int
	maxBytes int64
	unlock   func()

	days    map[cost.Day]*spoolDay
	dropped int64    // hours dropped since the agent's first start
	owner   Owner    // of the cluster id, as the bucket last confirmed it
	torn    []string // what the last process left damaged: "name: why"
}

// openSpool takes the directory over from whatever process used it last. Temp
// files are removed; a damaged file is put aside and named in torn.
func openSpool(dir string, maxDays int, maxBytes int64) (*spool, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create spool directory: %w", err)
	}
	if err := syncDir(filepath.Dir(dir)); err != nil { // what is in a directory is as durable as its name
		return nil, err
	}
	unlock, err := lockDir(dir)
	if err != nil {
		return nil, fmt.Errorf("lock spool directory %s: %w; stop the other agent, or give each a directory of its own", dir, err)
	}
	s := &spool{dir: dir, maxDays: maxDays, maxBytes: maxBytes, unlock: unlock, days: map[cost.Day]*spoolDay{}}
	if err := s.load(); err != nil {
		unlock()
		return nil, err
	}
	return s, nil
}

func (s *spool) load() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("read spool directory: %w", err)
	}
	for _, e := range entries {
		path := filepath.Join(s.dir, e.Name())
		switch {
		case strings.HasSuffix(e.Name(), tempSuffix):
			if err := os.Remove(path); err != nil {
				return fmt.Errorf("remove leftover: %w", err)
			}
		case strings.HasSuffix(e.Name(), spoolSuffix):
			d, err := readSpoolFile(path)
			switch {
			case errors.Is(err, errTorn):
				s.torn = append(s.torn, fmt.Sprintf("%s: %v", e.Name(), err))
				if err := os.Rename(path, path+tornSuffix); err != nil {
					return fmt.Errorf("put torn spool file aside: %w", err)
				}
			case err != nil:
				return fmt.Errorf("%s: %w", e.Name(), err)
			default:
				s.days[d.day] = d
			}
		}
	}
	return s.loadState()
}

// spoolState is state.json: what must survive beside the hours.
type spoolState struct {
	DroppedHours int64          `json:"droppedHours"`
	OwnerUID     string         `json:"ownerUID,omitempty"`
	OwnerProof   costfile.Proof `json:"ownerProof,omitempty"`
}

const stateFile = "state.json"

// LastOwner returns the owner under which the spool below dir last pushed
// hours of a cluster id; its UID is empty where that is not known. With it what
// waits in the spool can be pushed while nobody can say which cluster this is.
func LastOwner(dir, clusterID string) Owner {
	var st spoolState
	b, err := os.ReadFile(filepath.Join(spoolDir(dir, clusterID), stateFile))
	if err != nil || json.Unmarshal(b, &st) != nil {
		return Owner{}
	}
	return Owner{UID: st.OwnerUID, Proof: st.OwnerProof}
}

// spoolDir is where hours of one cluster wait.
func spoolDir(dir, clusterID string) string { return filepath.Join(dir, "cluster_id="+clusterID) }

func (s *spool) loadState() error {
	b, err := os.ReadFile(filepath.Join(s.dir, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read spool state: %w", err)
	}
	var st spoolState
	if err := json.Unmarshal(b, &st); err != nil {
		s.torn = append(s.torn, fmt.Sprintf("%s: %v", stateFile, err))
		return nil
	}
	s.dropped, s.owner = st.DroppedHours, Owner{UID: st.OwnerUID, Proof: st.OwnerProof}
	return nil
}

func (s *spool) saveState() error {
	b, err := json.Marshal(spoolState{DroppedHours: s.dropped, OwnerUID: s.owner.UID, OwnerProof: s.owner.Proof})
	if err != nil {
		return fmt.Errorf("encode spool state: %w", err)
	}
	_, err = s.replace(stateFile, func(f *os.File) error {
		_, err := f.Write(b)
		return err
	})
	return err
}

// replace writes a file so that it is whole and durable when it returns nil,
// and untouched when it fails before the rename.
func (s *spool) replace(name string, write func(*os.File) error) (renamed bool, err error) {
	path := filepath.Join(s.dir, name)
	f, err := os.OpenFile(path+tempSuffix, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return false, fmt.Errorf("create spool file: %w", spoolError(err))
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return false, fmt.Errorf("write spool file: %w", spoolError(err))
	}
	return true, syncDir(s.dir)
}

func spoolError(err error) error {
	if isDiskFull(err) {
		return fmt.Errorf("%w: %w", ErrSpoolFull, err)
	}
	return err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync spool directory: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync spool directory: %w", err)
	}
	return nil
}

func (s *spool) bytes() (n int64) {
	for _, d := range s.days {
		n += d.size
	}
	return n
}

// newestFirst lists the days that wait.
func (s *spool) newestFirst() []cost.Day {
	return slices.SortedFunc(maps.Keys(s.days), func(a, b cost.Day) int { return cmp.Compare(b, a) })
}

// hour returns what waits of an hour.
func (s *spool) hour(h cost.Hour) (costfile.HourMeta, bool) {
	d := s.days[h.Day()]
	if d == nil {
		return costfile.HourMeta{}, false
	}
	for _, m := range d.meta.Hours {
		if m.Hour == h {
			return m, true
		}
	}
	return costfile.HourMeta{}, false
}

// add merges hours of one day into the spool; template says whose they are.
// When it returns nil they are durable. It returns the hours that had to go to
// make room, oldest first. An hour is never traded for an older one: hours that
// do not fit and are older than all others are refused with ErrSpoolFull.
func (s *spool) add(day cost.Day, template costfile.Meta, hours []*Hour) (gone []cost.Hour, err error) {
	old := s.days[day]
	var fresh []costfile.HourMeta
	for _, h := range hours {
		fresh = append(fresh, h.HourMeta)
	}
	var had []costfile.HourMeta
	if old != nil {
		if old.meta.Currency != template.Currency || old.meta.Cluster != template.Cluster {
			return nil, fmt.Errorf("the spool holds %v of cluster %q in %s; this is %q in %s: push or remove %s first",
				day, old.meta.Cluster, old.meta.Currency, template.Cluster, template.Currency, old.path)
		}
		had = old.meta.Hours
	}
	c := choose(had, fresh, nil)
	if !c.changed {
		return nil, nil
	}
	err = s.write(day, template, old, c, hours, func(size int64) error { return s.fits(day, size) })
	if err != nil {
		return nil, fmt.Errorf("spool %v: %w", day, err)
	}
	return s.shrink()
}

// fits refuses a file of a day older than all others that would have to go at
// once: an hour is never traded for an older one.
func (s *spool) fits(day cost.Day, size int64) error {
	days, bytes := 1, size
	for d, x := range s.days {
		switch {
		case d < day:
			return nil // that one goes first
		case d > day:
			days++
			bytes += x.size
		}
	}
	if days > 1 && (days > s.maxDays || bytes > s.maxBytes) {
		return fmt.Errorf("%d days with %d bytes wait, of %d days and %d bytes that may, and %v is older than all: %w",
			len(s.days), s.bytes(), s.maxDays, s.maxBytes, day, ErrSpoolFull)
	}
	return nil
}

// write replaces a day's file by the chosen hours. fits may refuse the size.
func (s *spool) write(day cost.Day, template costfile.Meta, old *spoolDay, c choice, hours []*Hour, fits func(int64) error) error {
	template.Date, template.Hours = day.String(), c.hours
	name := day.String() + spoolSuffix
	next := &spoolDay{day: day, path: filepath.Join(s.dir, name)}
	var file *os.File
	if old != nil {
		f, err := old.open()
		if err != nil {
			return err
		}
		defer f.Close()
		file = f
		template.LabelNames = union(old.meta.LabelNames, template.LabelNames)
	}
	renamed, err := s.replace(name, func(f *os.File) (err error) {
		next.meta, next.index, next.size, err = writeSpoolFile(f, func(i int, w io.Writer) (costfile.Meta, error) {
			meta := template
			meta.Dataset = costfile.Datasets[i]
			in := []input{{hours: hours, keep: c.fresh}}
			if old != nil {
				in = append(in, input{object: old.section(file, i), keep: c.old})
			}
			return mergeObject(w, meta, in...)
		})
		if err != nil {
			return err
		}
		return fits(next.size)
	})
	if renamed {
		s.days[day] = next // even if it may not be durable
	}
	return err
}

// shrink drops the oldest until the spool is within its limits, and returns
// the hours that only the spool had.
func (s *spool) shrink() (gone []cost.Hour, err error) {
	for len(s.days) > 0 && (len(s.days) > s.maxDays || s.bytes() > s.maxBytes) {
		days := s.newestFirst()
		day := days[len(days)-1]
		d := s.days[day]
		if len(days) == 1 {
			h, err := s.trim(d)
			if err != nil || len(h) == 0 {
				return gone, err
			}
			gone = append(gone, h...)
			continue
		}
		if err := s.remove(day); err != nil {
			return gone, err
		}
		if d.confirmed {
			continue
		}
		for _, h := range d.meta.Hours {
			gone = append(gone, h.Hour)
		}
	}
	return gone, nil
}

// trim drops the oldest hour of the only day that waits.
func (s *spool) trim(d *spoolDay) ([]cost.Hour, error) {
	if len(d.meta.Hours) < 2 {
		return nil, nil // one hour is the least that a spool holds
	}
	first := d.meta.Hours[0].Hour
	c := choose(d.meta.Hours, nil, func(h costfile.HourMeta) bool { return h.Hour == first })
	if err := s.write(d.day, d.meta, d, c, nil, func(int64) error { return nil }); err != nil {
		return nil, fmt.Errorf("drop %v from the spool: %w", first, err)
	}
	return []cost.Hour{first}, nil
}

// remove forgets a day.
func (s *spool) remove(day cost.Day) error {
	if err := os.Remove(s.days[day].path); err != nil {
		return fmt.Errorf("remove from the spool: %w", err)
	}
	delete(s.days, day)
	return nil
}

// removeConfirmed forgets the days that the bucket has.
func (s *spool) removeConfirmed() error {
	for _, day := range s.newestFirst() {
		if s.days[day].confirmed {
			if err := s.remove(day); err != nil {
				return err
			}
		}
	}
	return nil
}

// drop counts dropped hours, durably.
func (s *spool) drop(hours int) error {
	s.dropped += int64(hours)
	return s.saveState()
}

// union returns the entries of both maps; b wins.
func union(a, b map[string]string) map[string]string {
	if len(a) == 0 {
		return b
	}
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}
