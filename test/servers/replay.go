package servers

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// Page is a page of metrics as an exporter gave it at one moment.
type Page struct {
	File   string
	Target string // labels that a scrape adds: instance="…",job="…"
}

// Replay writes the pages' samples n times, a minute apart, beginning at first
// or, where a page stamps its samples, at their own times, as OpenMetrics for
// StartPrometheus. Counters grow by perSecond. Families of all pages are
// written together, as OpenMetrics wants.
func Replay(w io.Writer, pages []Page, first time.Time, n int, perSecond float64) error {
	var order []string
	families := map[string]*strings.Builder{}
	for _, p := range pages {
		f, err := os.Open(p.File)
		if err != nil {
			return err
		}
		defer f.Close()
		for sc := bufio.NewScanner(f); sc.Scan(); {
			line := sc.Text()
			end := strings.LastIndexByte(line, '}')
			if strings.HasPrefix(line, "#") || end < 0 {
				continue
			}
			v, at, err := sample(strings.Fields(line[end+1:]), first)
			if err != nil {
				return fmt.Errorf("%s: %q: %w", p.File, line, err)
			}
			name, _, _ := strings.Cut(line, "{")
			b := families[name]
			if b == nil {
				b = &strings.Builder{}
				families[name] = b
				order = append(order, name)
			}
			for i := range n {
				x := v
				if strings.HasSuffix(name, "_total") {
					x += perSecond * 60 * float64(i)
				}
				when := at.Add(time.Duration(i) * time.Minute)
				fmt.Fprintf(b, "%s,%s} %v %.3f\n", line[:end], p.Target, x, float64(when.UnixMilli())/1000)
			}
		}
	}
	for _, name := range order {
		if _, err := io.WriteString(w, families[name].String()); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, "# EOF\n")
	return err
}

// sample reads a value and, where there is one, its time in milliseconds.
func sample(fields []string, first time.Time) (v float64, at time.Time, err error) {
	if len(fields) == 0 {
		return 0, at, io.ErrUnexpectedEOF
	}
	if v, err = strconv.ParseFloat(fields[0], 64); err != nil || len(fields) == 1 {
		return v, first, err
	}
	ms, err := strconv.ParseInt(fields[1], 10, 64)
	return v, time.UnixMilli(ms), err
}
