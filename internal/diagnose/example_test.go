package diagnose_test

import (
	"fmt"

	"github.com/fleetcost/fleetcost/internal/diagnose"
)

func ExampleExplain() {
	d, ok := diagnose.Explain(diagnose.Facts{Text: "s3:ListBucket on fleet-costs/v1/cluster/: store unavailable: NoSuchBucket"})
	fmt.Println(ok)
	fmt.Print(d.Text())
	// Output:
	// true
	// The bucket fleet-costs does not exist [s3-no-such-bucket]
	// Cause: The store knows no bucket of this name. A typing error, a bucket that was deleted
	//        or never made, or a bucket in another AWS partition (China, GovCloud) or at
	//        another store.
	// Fix:   Create the bucket, or correct config.bucket (and config.endpoint).
	//
	//   does it exist, and may these credentials see it?:
	//
	//     aws s3api head-bucket --bucket fleet-costs --region <region>
	//
	// See:   docs/operate/errors.md#s3-no-such-bucket
}
