package ingest

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
)

// A bucket may hold other things, which are counted and skipped. A key that is
// almost one of the format's is somebody's data that no answer has, so it is
// shown with the reason.

// maxStrays bounds the keys shown, and maxOtherMajors those listed below other
// majors.
const (
	maxStrays      = 100
	maxOtherMajors = 10_000
)

// strayKey matches keys that look like the format's, of any major.
var strayKey = regexp.MustCompile(`^v(\d+)/(allocation|asset|attachment|live|cluster)/(?:.*/)?cluster_id=([^/]*)/`)

// stray is an object whose key looks like the format's and is not.
type stray struct {
	cluster string // as the key spells it
	Quarantined
}

// foreign counts a key that is not of the format, and notes it where it looks
// like one.
func (in *Ingester) foreign(o bucket.Object, now time.Time, r *Report) {
	r.Foreign++
	m := strayKey.FindStringSubmatch(o.Key)
	if m == nil {
		return
	}
	in.viewMu.Lock()
	defer in.viewMu.Unlock()
	if _, known := in.strays[o.Key]; known || len(in.strays) >= maxStrays {
		return
	}
	why := strayReason(o.Key, m[1], m[3])
	in.strays[o.Key] = stray{m[3], Quarantined{Key: o.Key, ETag: o.ETag, Reason: why, Since: now.UTC()}}
	in.logger.Warn("key skipped: it looks like one of the format's and is not", "key", o.Key, "reason", why)
}

// strayReason says what keeps a key from being one of the format's.
func strayReason(key, major, cluster string) string {
	if major != strconv.Itoa(costfile.Major) {
		return fmt.Sprintf("format %s.x, this build reads %d.x; upgrade fleetcost", major, costfile.Major)
	}
	if err := costfile.CheckClusterID(cluster); err != nil {
		return err.Error()
	}
	for _, part := range strings.Split(key, "/") {
		if date, ok := strings.CutPrefix(part, "date="); ok {
			if _, err := cost.ParseDay(date); err != nil {
				return fmt.Sprintf("the key's date %q is no day", date)
			}
		}
	}
	return "the key is not one of the format's; no answer has this object"
}

// errEnough ends a listing early.
var errEnough = errors.New("listed enough")

// otherMajors looks for keys of other majors of the format.
func (in *Ingester) otherMajors(ctx context.Context, now time.Time, r *Report) error {
	n := 0
	visit := func(o bucket.Object) error {
		if n++; n > maxOtherMajors || len(o.Key) < 2 || o.Key[1] > '9' {
			return errEnough
		}
		if strings.HasPrefix(o.Key, fmt.Sprintf("v%d/", costfile.Major)) {
			return nil
		}
		r.Listed++
		in.foreign(o, now, r)
		return nil
	}
	// Behind all of this major: "v10/" and "v2/" sort after "v1/~".
	err := in.bucket.List(ctx, "v", fmt.Sprintf("v%d/~", costfile.Major), visit)
	if err != nil && !errors.Is(err, errEnough) {
		return fmt.Errorf("list other majors of the format: %w", err)
	}
	return nil
}
