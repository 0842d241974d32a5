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
	seq      int64

	days    map[cost.Day]*spoolDay
	dropped int64    // hours dropped since the agent's first start
	torn    []string // what the last process left damaged: "name: why"
}

// openSpool takes the directory over from whatever process used it last. Temp
// files are removed; a damaged file is put aside and named in torn.
func openSpool(dir string, maxDays int, maxBytes int64) (*spool, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create spool directory: %w", err)
	}
	unlock, err := lockDir(dir)
	if err != nil {
		return nil, fmt.Errorf("lock spool directory %s: %w", dir, err)
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
	DroppedHours int64 `json:"droppedHours"`
}

func (s *spool) loadState() error {
	b, err := os.ReadFile(filepath.Join(s.dir, "state.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read spool state: %w", err)
	}
	var st spoolState
	if err := json.Unmarshal(b, &st); err != nil {
		s.torn = append(s.torn, fmt.Sprintf("state.json: %v", err))
		return nil
	}
	s.dropped = st.DroppedHours
	return nil
}

func (s *spool) saveState() error {
	b, err := json.Marshal(spoolState{DroppedHours: s.dropped})
	if err != nil {
		return fmt.Errorf("encode spool state: %w", err)
	}
	return s.replace("state.json", func(f *os.File) error {
		_, err := f.Write(b)
		return err
	})
}

// replace writes a file so that it is whole and durable when it returns, and
// untouched when it fails.
func (s *spool) replace(name string, write func(*os.File) error) (err error) {
	path := filepath.Join(s.dir, name)
	f, err := os.OpenFile(path+tempSuffix, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("create spool file: %w", spoolError(err))
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if err := write(f); err != nil {
		return fmt.Errorf("write spool file: %w", spoolError(err))
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync spool file: %w", spoolError(err))
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("close spool file: %w", spoolError(err))
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("rename spool file: %w", spoolError(err))
	}
	return syncDir(s.dir)
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
	oldest := true
	for d := range s.days {
		oldest = oldest && day <= d
	}
	if old == nil && oldest && len(s.days) >= s.maxDays {
		return nil, fmt.Errorf("%d days wait and %v is older than all: %w", len(s.days), day, ErrSpoolFull)
	}
	next, err := s.write(day, template, old, c, hours, func(size int64) error {
		rest := s.bytes()
		if old != nil {
			rest -= old.size
		}
		if oldest && len(s.days) > 0 && (old == nil || len(s.days) > 1) && rest+size > s.maxBytes {
			return fmt.Errorf("%d of %d bytes are used and %v is older than all that waits: %w", s.bytes(), s.maxBytes, day, ErrSpoolFull)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("spool %v: %w", day, err)
	}
	s.days[day] = next
	return s.shrink()
}

// write replaces a day's file by the chosen hours. fits may refuse the size.
func (s *spool) write(day cost.Day, template costfile.Meta, old *spoolDay, c choice, hours []*Hour, fits func(int64) error) (*spoolDay, error) {
	template.Date, template.Hours = day.String(), c.hours
	name := day.String() + spoolSuffix
	s.seq++
	next := &spoolDay{day: day, path: filepath.Join(s.dir, name), seq: s.seq}
	var file *os.File
	if old != nil {
		f, err := old.open()
		if err != nil {
			return nil, err
		}
		defer f.Close()
		file = f
		template.LabelNames = union(old.meta.LabelNames, template.LabelNames)
	}
	err := s.replace(name, func(f *os.File) (err error) {
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
	return next, err
}

// shrink drops the oldest until the spool is within its limits.
func (s *spool) shrink() (gone []cost.Hour, err error) {
	for len(s.days) > 0 && (len(s.days) > s.maxDays || s.bytes() > s.maxBytes) {
		days := s.newestFirst()
		day := days[len(days)-1]
		d := s.days[day]
		if len(days) > 1 {
			if err := os.Remove(d.path); err != nil {
				return gone, fmt.Errorf("drop the oldest of the spool: %w", err)
			}
			delete(s.days, day)
			for _, h := range d.meta.Hours {
				gone = append(gone, h.Hour)
			}
			continue
		}
		h, err := s.trim(d)
		gone = append(gone, h...)
		if err != nil || len(h) == 0 {
			break
		}
	}
	if len(gone) == 0 {
		return nil, nil
	}
	s.dropped += int64(len(gone))
	return gone, s.saveState()
}

// trim drops the oldest hour of the only day that waits.
func (s *spool) trim(d *spoolDay) ([]cost.Hour, error) {
	if len(d.meta.Hours) < 2 {
		return nil, nil // one hour is the least that a spool holds
	}
	first := d.meta.Hours[0].Hour
	c := choose(d.meta.Hours, nil, func(h costfile.HourMeta) bool { return h.Hour == first })
	next, err := s.write(d.day, d.meta, d, c, nil, func(int64) error { return nil })
	if err != nil {
		return nil, fmt.Errorf("drop %v from the spool: %w", first, err)
	}
	s.days[d.day] = next
	return []cost.Hour{first}, nil
}

// remove forgets a day that the bucket has, unless more came since seq.
func (s *spool) remove(day cost.Day, seq int64) error {
	d := s.days[day]
	if d == nil || d.seq != seq {
		return nil
	}
	if err := os.Remove(d.path); err != nil {
		return fmt.Errorf("remove pushed day from the spool: %w", err)
	}
	delete(s.days, day)
	return nil
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
