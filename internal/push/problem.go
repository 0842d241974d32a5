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
	p.note(costfile.Problem{Code: code, Message: message, Fix: fix})
}

// problemOf is problem for what an error made. meanwhile says what the pusher
// does about it by itself.
func (p *Pusher) problemOf(code string, err error, meanwhile string) {
	problem := costfile.Problem{Code: code, Message: err.Error(), Fix: meanwhile}
	if p.cfg.Explain != nil {
		if p.cfg.Explain(err, &problem); problem.Fix != meanwhile {
			problem.Fix += " Meanwhile " + meanwhile + "."
		}
	}
	p.note(problem)
}

// note keeps a problem, and logs it when it is new or has another cause.
func (p *Pusher) note(problem costfile.Problem) {
	p.mu.Lock()
	old, known := p.problems[problem.Code]
	p.keep(problem)
	p.mu.Unlock()
	if known && old.ID == problem.ID {
		return
	}
	attrs := []any{"code", problem.Code, "message", problem.Message, "fix", problem.Fix}
	if problem.ID != "" {
		attrs = append(attrs, "cause", problem.Cause, "doc", problem.Doc)
	}
	p.logger.Warn("problem", attrs...)
}

// setProblem is problem for callers that hold the mutex.
func (p *Pusher) setProblem(code, message, fix string) {
	p.keep(costfile.Problem{Code: code, Message: message, Fix: fix})
}

// keep stores a problem; it is as old as its code. The caller holds the mutex.
func (p *Pusher) keep(problem costfile.Problem) {
	problem.Since = p.cfg.Now().UTC()
	if old, ok := p.problems[problem.Code]; ok {
		problem.Since = old.Since
	}
	p.problems[problem.Code] = problem
}

func (p *Pusher) clearProblem(code string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.problems, code)
}
