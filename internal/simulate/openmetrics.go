package simulate

import (
	"bufio"
	"io"
	"strconv"
	"time"
)

// Scrape says how a scenario's samples are taken.
type Scrape struct {
	// Interval is the time between two samples; the scenario's step by default.
	// Samples lie on its grid. With the interval equal to the step a reader can
	// know the truth exactly; others blur the edges of load.
	Interval time.Duration
	// KubeletLag is how much older than the scrape the kubelets' own samples
	// are: cAdvisor stamps them itself.
	KubeletLag time.Duration
	// Replicas is how many kube-state-metrics are scraped; each writes the same
	// under another instance. 1 by default.
	Replicas int
	// Prices also writes OpenCost's price metrics, with these rates.
	Prices *Rates
	// Labels are put on every series, as an external label such as cluster="a"
	// in a shared database: key, value, key, value.
	Labels []string
	// Without leaves out the families with these names, as a badly configured
	// exporter does.
	Without []string
	// Continues leaves out the final "# EOF", so that another scenario's samples
	// may follow.
	Continues bool
}

// WriteOpenMetrics writes what a Prometheus that scrapes kube-state-metrics v2
// and the kubelets' cAdvisor at the given interval would hold: OpenMetrics
// text with timestamps, ready for `promtool tsdb create-blocks-from
// openmetrics`. Families, names and labels are those of kube-state-metrics
// 2.20 and the kubelet 1.33 to 1.36, the traps included: rows with
// container="", pause containers, interfaces of the node under host-network
// pods, services' endpoints once per port.
func (s *Scenario) WriteOpenMetrics(w io.Writer, interval time.Duration) error {
	return s.Scrape(w, Scrape{Interval: interval})
}

// Scrape is WriteOpenMetrics with every choice.
func (s *Scenario) Scrape(w io.Writer, o Scrape) error {
	if o.Interval <= 0 {
		o.Interval = s.Step
	}
	e := &exposition{s: s, w: bufio.NewWriterSize(w, 1<<16), o: o, without: map[string]bool{}}
	for _, name := range o.Without {
		e.without[name] = true
	}
	s.writeState(e)
	s.writeCadvisor(e)
	if o.Prices != nil {
		s.writePrices(e, *o.Prices)
	}
	if !o.Continues {
		e.text("# EOF\n")
	}
	if err := e.w.Flush(); err != nil && e.err == nil {
		e.err = err
	}
	return e.err
}

// exposition writes families of series.
type exposition struct {
	s       *Scenario
	w       *bufio.Writer
	o       Scrape
	without map[string]bool
	err     error

	name    string // of the samples of the current family
	skip    bool
	targets [][]string // labels of the targets that expose the current family
	lag     int64
	buf     []byte
}

func (e *exposition) text(t string) {
	if _, err := e.w.WriteString(t); err != nil && e.err == nil {
		e.err = err
	}
}

// family begins a metric family: kind is gauge or counter; name is that of the
// samples, with _total for counters.
func (e *exposition) family(kind, name, help string) {
	e.name, e.skip = name, e.without[name]
	if e.skip {
		return
	}
	family := name
	if kind == "counter" {
		family = name[:len(name)-len("_total")]
	}
	e.text("# HELP " + family + " " + help + "\n# TYPE " + family + " " + kind + "\n")
}

// series writes the samples of one series of the current family at every
// scrape for which value knows one. value is asked for instants in seconds
// from the scenario's start.
func (e *exposition) series(labels []string, value func(t int64) (float64, bool)) {
	if e.skip || e.err != nil {
		return
	}
	step := int64(e.o.Interval / time.Second)
	for _, target := range e.targets {
		e.buf = append(e.buf[:0], e.name...)
		e.buf = append(e.buf, '{')
		for _, set := range [][]string{labels, target, e.o.Labels} {
			for i := 0; i+1 < len(set); i += 2 {
				e.buf = append(e.buf, set[i]...)
				e.buf = append(e.buf, '=')
				e.buf = strconv.AppendQuote(e.buf, set[i+1])
				e.buf = append(e.buf, ',')
			}
		}
		e.buf[len(e.buf)-1] = '}'
		e.buf = append(e.buf, ' ')
		head := len(e.buf)
		for t := e.s.from; t < e.s.to; t += step {
			if !e.s.seen(t) {
				continue
			}
			v, ok := value(t - e.lag)
			if !ok {
				continue
			}
			e.buf = strconv.AppendFloat(e.buf[:head], v, 'g', -1, 64)
			e.buf = append(e.buf, ' ')
			e.buf = strconv.AppendInt(e.buf, int64(e.s.Start)*3600+t-e.lag, 10)
			e.buf = append(e.buf, '\n')
			if _, err := e.w.Write(e.buf); err != nil {
				e.err = err
				return
			}
		}
	}
}

// while gives a constant for as long as something exists.
func while(from, to int64, v float64) func(int64) (float64, bool) {
	return func(t int64) (float64, bool) { return v, t >= from && t < to }
}

// epoch turns a scenario second into Unix time.
func (s *Scenario) epoch(t int64) float64 { return float64(int64(s.Start)*3600 + t) }

// fromKubeStateMetrics sets the targets of the state families.
func (e *exposition) fromKubeStateMetrics() {
	e.targets, e.lag = nil, 0
	for i := range max(1, e.o.Replicas) {
		e.targets = append(e.targets, []string{"instance", "10.42.9." + strconv.Itoa(9+i) + ":8080", "job", "kube-state-metrics"})
	}
}

// fromKubelet sets the target to the kubelet of a node.
func (e *exposition) fromKubelet(n *simNode) {
	e.lag = int64(e.o.KubeletLag / time.Second)
	e.targets = [][]string{{"endpoint", "https-metrics", "instance", n.ip + ":10250", "job", "kubelet", "metrics_path", "/metrics/cadvisor", "node", n.name}}
}

// join returns one label set made of several.
func join(sets ...[]string) []string {
	var out []string
	for _, s := range sets {
		out = append(out, s...)
	}
	return out
}
