package query

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// aliasSet is which labels the alias properties stand for.
type aliasSet struct {
	keys map[string][]string // canonical, by alias
	mark string              // of the data version; "" for the defaults
}

func newAliasSet(labels map[string][]string) *aliasSet {
	set := &aliasSet{keys: make(map[string][]string, len(labels))}
	for name, keys := range labels {
		for _, k := range keys {
			set.keys[name] = append(set.keys[name], cost.SanitizeLabel(k))
		}
	}
	if !maps.EqualFunc(set.keys, DefaultLabelAliases(), slices.Equal) {
		sum := sha256.New()
		for _, name := range slices.Sorted(maps.Keys(set.keys)) {
			fmt.Fprintf(sum, "%q %q\n", name, set.keys[name])
		}
		set.mark = "-" + hex.EncodeToString(sum.Sum(nil)[:4])
	}
	return set
}

// SetLabelAliases changes the labels behind the alias properties, as
// Config.LabelAliases; nil means the defaults. Questions asked from now on are
// answered by them: the data version changes with them, so no answer kept
// before is given again, and a question under way begins anew.
func (e *Engine) SetLabelAliases(labels map[string][]string) {
	if labels == nil {
		labels = DefaultLabelAliases()
	}
	e.aliases.Store(newAliasSet(labels))
}

// LabelAliases returns the labels behind the alias properties, in canonical
// spelling, first present first.
func (e *Engine) LabelAliases() map[string][]string {
	out := map[string][]string{}
	for name, keys := range e.aliases.Load().keys {
		out[name] = slices.Clone(keys)
	}
	return out
}
