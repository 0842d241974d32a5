package diagnose

// s3Rows are what Amazon S3 and stores that speak its protocol answer.
func s3Rows() []row {
	return []row{
		{
			ID:    "s3-no-such-bucket",
			Title: "The bucket {{bucket}} does not exist",
			Cause: "The store knows no bucket of this name. A typing error, a bucket that was deleted or never made, or a bucket in another AWS partition (China, GovCloud) or at another store.",
			Fix:   "Create the bucket, or correct config.bucket (and config.endpoint).",
			Snippets: []Snippet{
				{Kind: Command, Where: "does it exist, and may these credentials see it?", Text: "aws s3api head-bucket --bucket {{bucket}}"},
			},
			Basis: Recorded, Source: "error objects recorded by LocalStack's tests against AWS",
			Match:    []pattern{{code: "NoSuchBucket"}},
			Examples: []string{`s3:ListBucket on fleet-costs/v1/cluster/: store unavailable: NoSuchBucket: The specified bucket does not exist (request 1234567890ABCDEF)`},
		},
	}
}
