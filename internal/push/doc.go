// Package push brings an agent's hours to the bucket: a durable spool on disk,
// and one unit of work, Push, that sends what waits in it.
//
//	p, err := push.New(cfg, bucket, logger, registry)
//	p.Start(ctx)                       // ownership, what the bucket has
//	missing, err := p.Missing(ctx, w, late)  // closed hours to compute, newest first
//	p.Add(ctx, hours...)               // closed hours: on disk when it returns
//	p.SetLive(open...)                 // hours that are not closed yet
//	p.Push(ctx, fill)                  // days newest first, live, status.json last
//
// What it promises:
//
//   - Add returned: the hours survive a crash, until the bucket has them.
//   - A daily object is replaced whole and only on the condition that it is
//     still what was read; two pushers of one cluster end with the union of
//     their hours, each in its better version (costfile.HourMeta.Better).
//   - A day's attachment, asset and allocation objects carry the same hours;
//     the allocation object is written last.
//   - The live object leaves out an hour only after the bucket confirmed a
//     daily object that holds it.
//   - Nothing is written for a cluster id that another cluster owns.
//   - Memory is a row group, whatever the size of a day.
//
// It must never compute a cost, read the environment or the clock, or run a
// loop of its own: the agent decides when to push.
package push
