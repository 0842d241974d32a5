// Package allocate turns one cluster's hour of usage into cost: every asset's
// cost for the hour, and who pays it. It is pure: no I/O, no clock, no logger,
// no order of iteration that shows in the result.
//
// The law it keeps, exactly and to the last nano-unit, for every cluster and
// hour (docs/model.md, "The identity"):
//
//	Σ assets = Σ containers + __idle__ + __unmounted__ + __overhead__
//
// Run checks the law on its own result and returns an error rather than rows
// that break it.
//
//	res, err := allocate.Run(usage, prices, allocate.Policy{})
//
// Money is divided by largest remainder (cost.Split). Ties go to the first
// party in a canonical order, so that a source may list things as it likes.
package allocate
