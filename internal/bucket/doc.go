// Package bucket is object storage: it turns a federated-store.yaml into a
// Bucket. The contract, its providers (FILESYSTEM, S3, GCS, AZURE), its decorators and the
// acceptance suite that every provider passes live here.
//
// Nothing outside this package sees a vendor's error: failures wrap one of the
// sentinels (ErrNotFound, ErrDenied, …) and name the action and the key.
package bucket
