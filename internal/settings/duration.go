package settings

import (
	"fmt"
	"time"

	"github.com/prometheus/common/model"
	"github.com/spf13/pflag"
)

type duration time.Duration

// DurationVar adds a flag that takes a duration as Prometheus writes them
// ("15d", "1h30m") or as Go does ("1.5h").
func DurationVar(fs *pflag.FlagSet, p *time.Duration, name string, value time.Duration, usage string) {
	*p = value
	fs.Var((*duration)(p), name, usage)
}

// Set implements pflag.Value.
func (d *duration) Set(s string) error {
	if v, err := model.ParseDuration(s); err == nil {
		*d = duration(v)
		return nil
	}
	v, err := time.ParseDuration(s)
	if err != nil || v < 0 {
		return fmt.Errorf("want a duration such as 10m, 1h30m or 15d, got %q", s)
	}
	*d = duration(v)
	return nil
}

// String implements pflag.Value.
func (d *duration) String() string { return model.Duration(*d).String() }

// Type implements pflag.Value.
func (d *duration) Type() string { return "duration" }
