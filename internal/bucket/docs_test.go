package bucket_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/fleetcost/fleetcost/internal/bucket"
)

const storagePage = "../../docs/operate/storage.md"

// TestDocsExamples parses every YAML example of the storage page.
func TestDocsExamples(t *testing.T) {
	page, err := os.ReadFile(storagePage)
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(examples) < 4 {
		t.Fatalf("only %d examples", len(examples))
	}
	for _, e := range examples {
		if _, warnings, err := bucket.ParseConfig("example", []byte(e[1]), bucket.ParseOptions{Getenv: func(string) string { return "from-the-environment" }}); err != nil || len(warnings) > 0 {
			t.Errorf("%v %v in:\n%s", err, warnings, e[1])
		}
	}
}

// TestDocsNameEveryKey: what the parser knows, the page explains, and no
// message is quoted that the code does not have.
func TestDocsNameEveryKey(t *testing.T) {
	page, err := os.ReadFile(storagePage)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range bucket.KnownKeys() {
		if !regexp.MustCompile("[`. ]" + key + "[`.:]").Match(page) {
			t.Errorf("the page does not explain %s", key)
		}
	}
	source := ""
	for _, file := range []string{"s3_errors.go", "s3_transport.go", "filesystem.go", "reload.go", "../agent/report.go", "../awsid/awsid.go", "gcs_errors.go", "azure_errors.go", "parse_gcs.go"} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		source += string(data)
	}
	for _, message := range []string{
		"the store does not accept", "get credentials from", "this machine's clock differs from the store's",
		"the bucket does not exist", "the bucket is in region", "the bucket refuses ACLs", "the store's certificate is not trusted",
		"insecure: true speaks plain HTTP, perhaps to a TLS port", "no answer within", "the container does not exist", "replacing an object needs ", "the identity lacks a role",
		"the account forbids its keys", "the blob is in the archive tier", "would carry access tokens in the clear", "the disk is full", "mounted read-only",
		"the store's certificate is for another name", "is not valid", "the store does not accept our client certificate, or asks for one",
		"the storage config changed and the new version is refused", "storage-config-refused",
	} {
		if !strings.Contains(source, message) || !strings.Contains(string(page), message) {
			t.Errorf("%q is not in both the code and the page", message)
		}
	}
}
