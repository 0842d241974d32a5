package servers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"
)

// StartInstanceMetadata starts a double of ours of the EC2 instance metadata
// service, version 2 alone: a request without a session token is refused, as on
// nodes that require it. role is the instance role's name and keys gives out its
// keys. It returns the base URL for AWS_EC2_METADATA_SERVICE_ENDPOINT and stops
// at the end of the test. The paths and the document are those of
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html.
func StartInstanceMetadata(t testing.TB, role string, keys func() Credentials) string {
	t.Helper()
	const session = "fleetcost-imds-session"
	const base = "/latest/meta-data/iam/security-credentials/"
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /latest/api/token", func(w http.ResponseWriter, r *http.Request) {
		ttl := r.Header.Get("X-Aws-Ec2-Metadata-Token-Ttl-Seconds")
		if ttl == "" {
			http.Error(w, "no time to live", http.StatusBadRequest)
			return
		}
		w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", ttl)
		fmt.Fprint(w, session)
	})
	guarded := func(h http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Aws-Ec2-Metadata-Token") != session {
				http.Error(w, "Unauthorized", http.StatusUnauthorized)
				return
			}
			h(w, r)
		}
	}
	mux.HandleFunc("GET "+base, guarded(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, role) }))
	mux.HandleFunc("GET "+base+role, guarded(func(w http.ResponseWriter, _ *http.Request) {
		c := keys()
		writeJSON(w, http.StatusOK, map[string]string{
			"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": time.Now().UTC().Format(time.RFC3339),
			"AccessKeyId": c.AccessKey, "SecretAccessKey": c.SecretKey, "Token": c.SessionToken,
			"Expiration": c.Expires.UTC().Format(time.RFC3339),
		})
	}))
	return serve(t, mux)
}

// StartPodIdentityAgent starts a double of ours of the EKS Pod Identity agent.
// It takes the issuer's tokens for the subject and the audience
// pods.eks.amazonaws.com and gives out keys; any other token gets the answer
// that the real agent gives for a role that does not trust it. It returns the
// URL for AWS_CONTAINER_CREDENTIALS_FULL_URI and stops at the end of the test.
// The document is that of
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html.
func StartPodIdentityAgent(t testing.TB, issuer *Issuer, subject string, keys func() Credentials) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/credentials", func(w http.ResponseWriter, r *http.Request) {
		claims, malformed, forged := issuer.verify(r.Header.Get("Authorization"))
		if malformed != nil || forged != nil || claims.Subject != subject || !slices.Contains(claims.Audience, AudiencePodIdentity) ||
			claims.Expiry == nil || time.Now().After(claims.Expiry.Time()) {
			e := answer("pod-identity-denied")
			writeJSON(w, e.Status, map[string]string{"code": e.Code, "message": e.Message})
			return
		}
		c := keys()
		writeJSON(w, http.StatusOK, map[string]string{
			"AccessKeyId": c.AccessKey, "SecretAccessKey": c.SecretKey, "Token": c.SessionToken,
			"AccountId": GateAccount, "Expiration": c.Expires.UTC().Format(time.RFC3339),
		})
	})
	return serve(t, mux) + "/v1/credentials"
}

func serve(t testing.TB, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a client that hangs up is no failure
}
