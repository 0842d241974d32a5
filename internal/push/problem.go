package push

import "github.com/fleetcost/fleetcost/internal/costfile"

// Codes of the problems that a Pusher reports in status.json.
const (
	problemArchive      = "archive-storage-class"
	problemBrokenObject = "object-damaged"
	problemClock        = "clock-skew"
	problemLive         = "live-hour-invalid"
	problemNoConditions = "no-conditional-put"
	problemPush         = "push-failed"
	problemSpoolFull    = "spool-full"
	problemTornSpool    = "spool-file-damaged"
)

// problem notes a problem until it is cleared, and logs it when it is new.
func (p *Pusher) problem(code, message, fix string) {
	p.mu.Lock()
	_, known := p.problems[code]
	p.setProblem(code, message, fix)
	p.mu.Unlock()
	if !known {
		p.logger.Warn("problem", "code", code, "message", message, "fix", fix)
	}
}

// setProblem is problem for callers that hold the mutex.
func (p *Pusher) setProblem(code, message, fix string) {
	since := p.cfg.Now().UTC()
	if old, ok := p.problems[code]; ok {
		since = old.Since
	}
	p.problems[code] = costfile.Problem{Code: code, Message: message, Fix: fix, Since: since}
}

func (p *Pusher) clearProblem(code string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.problems, code)
}
