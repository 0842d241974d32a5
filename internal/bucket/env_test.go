package bucket_test

import (
	"strings"
	"testing"

	"github.com/fleetcost/fleetcost/internal/bucket"
)

// TestReferences: what secrets may refer to, and that a secret with dollars in
// it stays what it is.
func TestReferences(t *testing.T) {
	env := map[string]string{"S3_SECRET": "p$a${x}", "S3_ID": "AKIAENV", "LINE": "abc\n", "EXAMPLE": "<your-secret-key>"}
	for _, c := range []struct{ written, want, problem string }{
		{"${S3_SECRET}", "p$a${x}", ""}, // what a variable holds is taken as it is
		{"a-${S3_ID}-b${S3_ID}", "a-AKIAENV-bAKIAENV", ""},
		{"$S3_SECRET", "$S3_SECRET", ""},
		{"a$b$$c$", "a$b$$c$", ""},
		{"$${S3_ID}", "${S3_ID}", ""},
		{"$$${S3_ID}", "$${S3_ID}", ""},
		{"plain/+=", "plain/+=", ""},
		{"${NOPE}", "", "refers to the environment variable NOPE, which is not set or empty"},
		{"top-secret${", "", "holds ${ without a variable's name and }"},
		{"top-secret${top secret}", "", "holds ${ without a variable's name and }"},
		{"${LINE}", "", "the value of the environment variable LINE holds a control character"},
		{"${EXAMPLE}", "", "still holds the placeholder of an example"},
	} {
		text := "type: S3\nconfig:\n  bucket: fleet\n  region: us-east-1\n  access_key: ${S3_ID}\n  secret_key: '" + c.written + "'\n  session_token: '" + c.written + "'\n"
		cfg, _, err := bucket.ParseConfig("f.yaml", []byte(text), bucket.ParseOptions{Getenv: func(name string) string { return env[name] }})
		if c.problem == "" {
			if err != nil || string(cfg.S3.SecretKey) != c.want || string(cfg.S3.SessionToken) != c.want || cfg.S3.AccessKey != "AKIAENV" {
				t.Errorf("%s: %q, want %q, %v", c.written, string(cfg.S3.SecretKey), c.want, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), "f.yaml:6:15: config.secret_key: "+c.problem) || !strings.Contains(err.Error(), "f.yaml:7:18: config.session_token: ") {
			t.Errorf("%s: %v, want %q", c.written, err, c.problem)
		}
		for _, secret := range []string{"top-secret", "top secret", "abc"} {
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error shows %q: %v", c.written, secret, err)
			}
		}
	}
}
