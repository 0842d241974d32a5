// Package awsid chooses where AWS credentials come from, once and by name, and
// fetches them. S3, STS and later Athena use the same choice.
//
// A chain that tries one source after the other hides why the right one failed
// and ends with anonymous requests and "Access Denied". Here the first source
// that is configured is the source: if it fails, its own error is the answer.
//
// The order is: keys in the configuration, AWS_* environment keys, shared
// profile, web identity (IRSA), container credentials (EKS Pod Identity, ECS),
// EC2 instance metadata. The environment arrives as an argument.
package awsid
