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
	Started      time.Time `json:"started"` // of the current Sync
	Objects      int       `json:"objects"` // to be loaded in this Sync
	ObjectsDone  int       `json:"objectsDone"`
	Bytes        int64     `json:"bytes"`
	BytesFetched int64     `json:"bytesFetched"`
	Rows         int64     `json:"rows"` // loaded in this Sync
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
