// Package storagecheck is the doctor of the bucket: `storage check`, `explain`,
// `policy` and `lifecycle` of both programs.
//
// Run tries, in order, all that an agent or a server does with a bucket, and
// says of each step what was seen, why it failed and what to paste to make it
// work. Steps form branches: network, credentials, access. A branch ends at its
// first failure; the others go on.
//
// Nothing of a fleet's data is written or deleted. Probe objects have keys of
// their own below v1/check/, which no reader lists, are unique per run, and are
// removed also after a failure or a cancel. Where the caller may not delete, no
// object is written at all: the store is asked for writes that it refuses after
// it allowed them.
//
// Policy and Lifecycle make what operators paste into IAM and S3.
package storagecheck
