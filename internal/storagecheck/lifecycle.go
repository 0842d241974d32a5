package storagecheck

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// LifecycleInput says what a bucket's lifecycle rules are to do.
type LifecycleInput struct {
	Bucket string // needed by terraform and cloudformation
	Prefix string // of the federated-store.yaml

	RetentionDays  int // daily objects expire after so many days; 0 keeps them
	NoncurrentDays int // old versions expire after so many days
	AbortDays      int // unfinished uploads are aborted after so many days

	Format string // FormatJSON without
}

// MinRetentionDays is the shortest retention: agents rewrite days of their
// backfill, and a day that expired meanwhile would come back.
const MinRetentionDays = 30

type lifecycleConfig struct {
	Rules []lifecycleRule `json:"Rules"`
}

type lifecycleRule struct {
	ID         string            `json:"ID"`
	Status     string            `json:"Status"`
	Filter     lifecycleFilter   `json:"Filter"`
	Abort      *abortUploads     `json:"AbortIncompleteMultipartUpload,omitempty"`
	Noncurrent *noncurrentExpiry `json:"NoncurrentVersionExpiration,omitempty"`
	Expiration *lifecycleExpiry  `json:"Expiration,omitempty"`
}

type lifecycleFilter struct {
	Prefix string `json:"Prefix"`
}

type abortUploads struct {
	Days int `json:"DaysAfterInitiation"`
}

type noncurrentExpiry struct {
	Days int `json:"NoncurrentDays"`
}

type lifecycleExpiry struct {
	Days   int  `json:"Days,omitempty"`
	Marker bool `json:"ExpiredObjectDeleteMarker,omitempty"`
}

// dailyPrefixes hold the daily objects, which retention is about; what users
// save, who owns a cluster and bills stay.
var dailyPrefixes = []string{"v1/allocation/", "v1/attachment/", "v1/asset/"}

// Lifecycle returns the lifecycle rules, as aws s3api
// put-bucket-lifecycle-configuration takes them or in another format.
func Lifecycle(in LifecycleInput) (string, error) {
	if in.Format == "" {
		in.Format = FormatJSON
	}
	if err := in.validate(); err != nil {
		return "", err
	}
	rules := in.rules()
	switch in.Format {
	case FormatTerraform:
		return in.terraform(rules), nil
	case FormatCloudFormation:
		return in.cloudFormation(rules)
	default:
		return indentJSON(lifecycleConfig{rules})
	}
}

func (in *LifecycleInput) validate() error {
	var errs []error
	if in.RetentionDays != 0 && in.RetentionDays < MinRetentionDays {
		errs = append(errs, fmt.Errorf("--retention-days %d: at least %d, or 0 to keep everything", in.RetentionDays, MinRetentionDays))
	}
	if in.NoncurrentDays < 1 || in.AbortDays < 1 {
		errs = append(errs, errors.New("--noncurrent-days and --abort-days: at least 1"))
	}
	if !slices.Contains([]string{FormatJSON, FormatTerraform, FormatCloudFormation}, in.Format) {
		errs = append(errs, fmt.Errorf("--format %q: use one of %s, %s, %s", in.Format, FormatJSON, FormatTerraform, FormatCloudFormation))
	}
	switch {
	case in.Bucket == "" && in.Format != FormatJSON:
		errs = append(errs, errors.New("no bucket: give --bucket, or -f with a federated-store.yaml"))
	case in.Bucket != "" && !bucketPattern.MatchString(in.Bucket):
		errs = append(errs, fmt.Errorf("--bucket %q: want something like fleet-costs", in.Bucket))
	}
	return errors.Join(errs...)
}

func (in *LifecycleInput) rules() []lifecycleRule {
	prefix := ""
	if p := strings.Trim(in.Prefix, "/"); p != "" {
		prefix = p + "/"
	}
	// One rule: MinIO, which aborts uploads by itself, refuses a rule of that
	// alone.
	rules := []lifecycleRule{{
		ID: "fleetcost-clean-up", Status: "Enabled", Filter: lifecycleFilter{prefix}, Abort: &abortUploads{in.AbortDays},
		Noncurrent: &noncurrentExpiry{in.NoncurrentDays}, Expiration: &lifecycleExpiry{Marker: true},
	}}
	if in.RetentionDays == 0 {
		return rules
	}
	for _, p := range dailyPrefixes {
		rules = append(rules, lifecycleRule{
			ID:     "fleetcost-retention-" + regexp.MustCompile(`v1/(\w+)/`).ReplaceAllString(p, "$1"),
			Status: "Enabled", Filter: lifecycleFilter{prefix + p}, Expiration: &lifecycleExpiry{Days: in.RetentionDays},
		})
	}
	return rules
}

func (in *LifecycleInput) terraform(rules []lifecycleRule) string {
	var b strings.Builder
	b.WriteString("# A bucket has one lifecycle configuration: merge these rules into what it has.\n")
	fmt.Fprintf(&b, "resource \"aws_s3_bucket_lifecycle_configuration\" %q {\n  bucket = %q\n", terraformName(in.Bucket), in.Bucket)
	for _, r := range rules {
		fmt.Fprintf(&b, "\n  rule {\n    id     = %q\n    status = %q\n\n    filter {\n      prefix = %s\n    }\n", r.ID, r.Status, hclString(r.Filter.Prefix))
		if r.Abort != nil {
			fmt.Fprintf(&b, "\n    abort_incomplete_multipart_upload {\n      days_after_initiation = %d\n    }\n", r.Abort.Days)
		}
		if r.Noncurrent != nil {
			fmt.Fprintf(&b, "\n    noncurrent_version_expiration {\n      noncurrent_days = %d\n    }\n", r.Noncurrent.Days)
		}
		switch {
		case r.Expiration == nil:
		case r.Expiration.Marker:
			b.WriteString("\n    expiration {\n      expired_object_delete_marker = true\n    }\n")
		default:
			fmt.Fprintf(&b, "\n    expiration {\n      days = %d\n    }\n", r.Expiration.Days)
		}
		b.WriteString("  }\n")
	}
	b.WriteString("}\n")
	return b.String()
}

// hclString quotes text for Terraform.
func hclString(s string) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(fmt.Sprintf("%q", s))
}

// cloudFormation writes the rules as CloudFormation has them, which differ in
// form from those of the API.
func (in *LifecycleInput) cloudFormation(rules []lifecycleRule) (string, error) {
	list := make([]any, len(rules))
	for i, r := range rules {
		m := yaml.MapSlice{{Key: "Id", Value: r.ID}, {Key: "Status", Value: r.Status}}
		if r.Filter.Prefix != "" {
			m = append(m, yaml.MapItem{Key: "Prefix", Value: r.Filter.Prefix})
		}
		if r.Abort != nil {
			m = append(m, yaml.MapItem{Key: "AbortIncompleteMultipartUpload", Value: yaml.MapSlice{{Key: "DaysAfterInitiation", Value: r.Abort.Days}}})
		}
		if r.Noncurrent != nil {
			m = append(m, yaml.MapItem{Key: "NoncurrentVersionExpiration", Value: yaml.MapSlice{{Key: "NoncurrentDays", Value: r.Noncurrent.Days}}})
		}
		switch {
		case r.Expiration == nil:
		case r.Expiration.Marker:
			m = append(m, yaml.MapItem{Key: "ExpiredObjectDeleteMarker", Value: true})
		default:
			m = append(m, yaml.MapItem{Key: "ExpirationInDays", Value: r.Expiration.Days})
		}
		list[i] = m
	}
	resource := yaml.MapSlice{
		{Key: "Type", Value: "AWS::S3::Bucket"},
		{Key: "DeletionPolicy", Value: "Retain"},
		{Key: "UpdateReplacePolicy", Value: "Retain"},
		{Key: "Properties", Value: yaml.MapSlice{
			{Key: "BucketName", Value: in.Bucket},
			{Key: "LifecycleConfiguration", Value: yaml.MapSlice{{Key: "Rules", Value: list}}},
		}},
	}
	text, err := writeYAML(yaml.MapSlice{
		{Key: "AWSTemplateFormatVersion", Value: "2010-09-09"},
		{Key: "Description", Value: "Lifecycle of the bucket " + in.Bucket},
		{Key: "Resources", Value: yaml.MapSlice{{Key: cfnName(in.Bucket) + "Bucket", Value: resource}}},
	})
	return "# CloudFormation sets lifecycle rules on the bucket's own resource: import the bucket into\n" +
		"# the stack, or put LifecycleConfiguration into the template that has it.\n" + text, err
}
