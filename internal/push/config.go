package push

import (
	"errors"
	"fmt"
	"time"

	"github.com/fleetcost/fleetcost/internal/costfile"
)

// Defaults of Config.
const (
	DefaultSpoolDays  = 30
	DefaultSpoolBytes = 2 << 30
)

// status.json lists the newest HorizonDays days, and of the older ones the
// ChangedDays that changed last.
const (
	HorizonDays = 100
	ChangedDays = 50
)

// Owner is evidence of which cluster this is.
type Owner struct {
	UID   string
	Proof costfile.Proof
}

// Config describes one pusher.
type Config struct {
	ClusterID string // set by the operator
	Currency  string // of every row, e.g. "USD"
	Writer    string // program and version, for the objects' metadata

	// SpoolDir is where the spool lives, in a directory of its own per cluster.
	// It should survive a restart of the process; where it does not, what the
	// bucket lacks is computed again from the source.
	SpoolDir   string
	SpoolDays  int   // days it may hold; 0 means DefaultSpoolDays
	SpoolBytes int64 // bytes it may hold; 0 means DefaultSpoolBytes

	// Owner identifies the cluster. OtherProofs are further, weaker pieces of
	// evidence of the same cluster, by which an owner that an earlier agent
	// recorded is recognised.
	Owner       Owner
	OtherProofs []Owner
	TakeOver    bool // rewrite owner.json of another cluster

	Now func() time.Time

	// Explain fills ID, Cause, Fix and Doc of a problem that an error made, where
	// it knows the error; nil explains nothing.
	Explain func(err error, problem *costfile.Problem)
}

// validate fills defaults and names the first field that is wrong.
func (c *Config) validate() error {
	if err := costfile.CheckClusterID(c.ClusterID); err != nil {
		return err
	}
	switch {
	case c.Currency == "":
		return errors.New("push: currency is empty")
	case c.SpoolDir == "":
		return errors.New("push: spool directory is empty")
	case c.Owner.UID == "":
		return errors.New("push: the cluster's UID is unknown; give --cluster-uid, or access to the API server")
	case proofStrength(c.Owner.Proof) == 0:
		return fmt.Errorf("push: unknown kind of proof %q", c.Owner.Proof)
	case c.SpoolDays < 0 || c.SpoolBytes < 0:
		return fmt.Errorf("push: negative size of the spool: %d days, %d bytes", c.SpoolDays, c.SpoolBytes)
	case c.Now == nil:
		return errors.New("push: no clock")
	}
	if c.SpoolDays == 0 {
		c.SpoolDays = DefaultSpoolDays
	}
	if c.SpoolBytes == 0 {
		c.SpoolBytes = DefaultSpoolBytes
	}
	return nil
}
