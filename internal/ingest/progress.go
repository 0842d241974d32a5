package ingest

import "time"

// Phase says what an Ingester is doing.
type Phase string

// The phases of a Sync.
const (
	PhaseIdle        Phase = "idle"
	PhaseDiscovering Phase = "discovering"
	PhaseLoading     Phase = "loading"
)

// Progress is how far the current Sync is, for /readyz and a progress bar.
type Progress struct {
	Ready        bool      `json:"ready"` // one Sync has completed
	Phase        Phase     `json:"phase"`
	Started      time.Time `json:"started"`     // of the current Sync
	Objects      int       `json:"objects"`     // to be loaded in this Sync
	ObjectsDone  int       `json:"objectsDone"` // fetched and verified, or found wanting
	Bytes        int64     `json:"bytes"`
	BytesFetched int64     `json:"bytesFetched"`
	Rows         int64     `json:"rows"` // committed in this Sync
	// RowsLoading are those of the batch that is being loaded, and Step is what
	// is being done with them, for a person; 0 and "" between batches.
	RowsLoading int64  `json:"rowsLoading,omitempty"`
	Step        string `json:"step,omitempty"`
}

// Progress returns the current progress. It never waits.
func (in *Ingester) Progress() Progress {
	in.viewMu.Lock()
	defer in.viewMu.Unlock()
	return in.progress
}

func (in *Ingester) setProgress(fn func(*Progress)) {
	in.viewMu.Lock()
	defer in.viewMu.Unlock()
	fn(&in.progress)
}

// expect adds objects to those to be fetched.
func (in *Ingester) expect(cs []candidate) {
	in.setProgress(func(p *Progress) {
		p.Objects += len(cs)
		for _, c := range cs {
			p.Bytes += c.bytes
		}
	})
}

// arrived counts an object that was dealt with. It counts the bytes that expect
// announced, so both come out equal.
func (in *Ingester) arrived(c candidate) {
	in.setProgress(func(p *Progress) {
		p.ObjectsDone++
		p.BytesFetched += c.bytes
	})
}

// step notes what the store does with a batch.
func (in *Ingester) step(text string) { in.setProgress(func(p *Progress) { p.Step = text }) }
