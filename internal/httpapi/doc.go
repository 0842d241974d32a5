// Package httpapi is the HTTP face of the server: OpenCost's API at the root,
// Kubecost's below /model, and a few routes of our own. Both are dialects of
// one set of handlers: a Dialect is a struct of defaults (is idle shown, is
// overhead shared, are sets daily, is /assets an object or an array), and with
// the same explicit parameters every route of both gives the same total.
//
// A handler decodes its parameters into a query.AllocationQuery or AssetQuery,
// asks query.Questions, and writes the answer row by row in the field names of
// OpenCost's Allocation, SummaryAllocation and Asset. Costs are written as
// exact decimals, so a client that reads decimals can add them to the last
// digit; quantities and averages are floats, NaN and infinities null.
//
// Every answer is an envelope {code, status, data, meta, warning}: meta holds
// the window answered, completeness and dataVersion. A malformed value is a
// 400 that names the parameter; an unknown parameter is a 200 with a warning,
// because real clients send many; an empty parameter is an absent one.
//
// The routes are declared with huma, so /openapi.json is made from the same
// structs the handlers decode. huma's own errors and validation are not used:
// every parameter is a string to it.
package httpapi
