package costfile

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// Major and Minor are the version of the format this package writes. A minor
// version only adds columns and is always read; another major is refused.
const (
	Major = 1
	Minor = 0
)

// Dataset is one of the tables of the format.
type Dataset string

// The datasets, in the order in which a push writes them.
const (
	AttachmentData Dataset = "attachment"
	AssetData      Dataset = "asset"
	AllocationData Dataset = "allocation"
)

// Datasets lists all datasets in the order in which a push writes them.
var Datasets = [...]Dataset{AttachmentData, AssetData, AllocationData}

var clusterIDPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// CheckClusterID returns an error that says what is wrong with id as a cluster
// id, or nil.
func CheckClusterID(id string) error {
	if clusterIDPattern.MatchString(id) {
		return nil
	}
	return fmt.Errorf("cluster id %q: use 1 to 63 letters, digits, '.', '_' or '-', beginning with a letter or digit", id)
}

// ClusterPrefix is the prefix below which every cluster has its owner and
// status.
const ClusterPrefix = "v1/cluster/"

// StatePrefix holds what users save.
const StatePrefix = "v1/state/"

// DailyKey is the key of the daily object of a dataset, cluster and UTC day.
func DailyKey(d Dataset, day cost.Day, clusterID string) string {
	return fmt.Sprintf("v1/%s/date=%s/cluster_id=%s/data.parquet", d, day, clusterID)
}

// LiveKey is the key of the live object of a dataset and cluster.
func LiveKey(d Dataset, clusterID string) string {
	return fmt.Sprintf("v1/live/%s/cluster_id=%s/data.parquet", d, clusterID)
}

// OwnerKey is the key of a cluster's owner.json.
func OwnerKey(clusterID string) string {
	return ClusterPrefix + "cluster_id=" + clusterID + "/owner.json"
}

// StatusKey is the key of a cluster's status.json.
func StatusKey(clusterID string) string {
	return ClusterPrefix + "cluster_id=" + clusterID + "/status.json"
}

// DailyPrefix is the prefix of all daily objects of a dataset.
func DailyPrefix(d Dataset) string { return fmt.Sprintf("v1/%s/", d) }

// LivePrefix is the prefix of all live objects of a dataset.
func LivePrefix(d Dataset) string { return fmt.Sprintf("v1/live/%s/", d) }

// KeyKind says what a key names.
type KeyKind int

// The kinds of key.
const (
	KeyDaily KeyKind = iota + 1
	KeyLive
	KeyOwner
	KeyStatus
)

// Key is a parsed object key.
type Key struct {
	Kind    KeyKind
	Dataset Dataset  // daily and live
	Day     cost.Day // daily
	Cluster string
}

// ErrForeignKey says that a key is not one of the format's. Readers skip and
// count such keys: a bucket may hold other things.
var ErrForeignKey = errors.New("not a key of the format")

// ParseKey is the inverse of DailyKey, LiveKey, OwnerKey and StatusKey.
// Whatever they would not have made is ErrForeignKey.
func ParseKey(key string) (Key, error) {
	k, ok := parseKey(key)
	if !ok {
		return Key{}, fmt.Errorf("%q: %w", key, ErrForeignKey)
	}
	return k, nil
}

func parseKey(key string) (k Key, ok bool) {
	p := strings.Split(key, "/")
	if len(p) < 4 || p[0] != "v1" {
		return k, false
	}
	id, ok := strings.CutPrefix(p[len(p)-2], "cluster_id=")
	if !ok || CheckClusterID(id) != nil {
		return k, false
	}
	k.Cluster = id
	switch {
	case len(p) == 4 && p[1] == "cluster" && p[3] == "owner.json":
		k.Kind = KeyOwner
		return k, true
	case len(p) == 4 && p[1] == "cluster" && p[3] == "status.json":
		k.Kind = KeyStatus
		return k, true
	case len(p) != 5 || p[4] != "data.parquet":
		return k, false
	case p[1] == "live":
		k.Kind, k.Dataset = KeyLive, Dataset(p[2])
		return k, known(k.Dataset)
	}
	date, ok := strings.CutPrefix(p[2], "date=")
	if !ok || len(date) != len("2006-01-02") {
		return k, false
	}
	day, err := cost.ParseDay(date)
	if err != nil {
		return k, false
	}
	k.Kind, k.Dataset, k.Day = KeyDaily, Dataset(p[1]), day
	return k, known(k.Dataset)
}

func known(d Dataset) bool {
	for _, x := range Datasets {
		if x == d {
			return true
		}
	}
	return false
}
