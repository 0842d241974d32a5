package ops

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// LogConfig is how a program logs.
type LogConfig struct {
	Level  string // debug, info (the default), warn or error
	Format string // json (the default) or text
}

// LogLevels and LogFormats list the values LogConfig takes.
var (
	LogLevels  = [...]string{"debug", "info", "warn", "error"}
	LogFormats = [...]string{"json", "text"}
)

// NewLogger returns a logger that writes to w. Times are UTC. It fails on a
// level or format that does not exist, naming those that do.
func NewLogger(w io.Writer, cfg LogConfig) (*slog.Logger, error) {
	var level slog.Level
	switch strings.ToLower(cfg.Level) {
	case "", "info":
		level = slog.LevelInfo
	case "debug":
		level = slog.LevelDebug
	case "warn", "warning":
		level = slog.LevelWarn
	case "error":
		level = slog.LevelError
	default:
		return nil, fmt.Errorf("log level %q: use one of %s", cfg.Level, strings.Join(LogLevels[:], ", "))
	}
	opts := &slog.HandlerOptions{Level: level, ReplaceAttr: utcTime}
	switch strings.ToLower(cfg.Format) {
	case "", "json":
		return slog.New(slog.NewJSONHandler(w, opts)), nil
	case "text":
		return slog.New(slog.NewTextHandler(w, opts)), nil
	}
	return nil, fmt.Errorf("log format %q: use one of %s", cfg.Format, strings.Join(LogFormats[:], ", "))
}

// Discard returns a logger that drops everything, for tests and for programs
// that were told to be quiet.
func Discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func utcTime(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey && a.Value.Kind() == slog.KindTime {
		a.Value = slog.TimeValue(a.Value.Time().UTC())
	}
	return a
}
