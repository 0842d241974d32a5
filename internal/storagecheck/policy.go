package storagecheck

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Role is whose rights are meant.
type Role string

// The roles.
const (
	RoleAgent  Role = "agent"  // one cluster's agent: its own keys
	RoleServer Role = "server" // the server: reads all, writes what users save
	RoleSeed   Role = "seed"   // one policy for everything, as Kubecost's page has it
)

// The formats of Policy and Lifecycle.
const (
	FormatJSON           = "json"
	FormatTerraform      = "terraform"
	FormatCloudFormation = "cloudformation"
	FormatEksctl         = "eksctl" // not for Lifecycle
)

// Documents of a policy, by the name that Policy gives them.
const (
	DocumentIdentity = "identity" // of the role
	DocumentTrust    = "trust"    // who may assume the role
	DocumentBucket   = "bucket"   // of a bucket in another account
	DocumentKey      = "kms-key"  // of a KMS key in another account: statements to add
)

// PolicyInput says what a policy is for. Only Role and Bucket are needed.
type PolicyInput struct {
	Role      Role
	Bucket    string
	Prefix    string // of the federated-store.yaml
	ClusterID string // of an agent; "" for any cluster's
	Partition string // "aws" without
	NoACL     bool   // writes carry no X-Amz-Acl, so s3:PutObjectAcl is not needed
	KMSKeyARN string // of SSE-KMS

	// The role that gets the rights. Account and OIDCIssuer with Namespace and
	// ServiceAccount make the trust policy of IRSA; PodIdentity that of Pod
	// Identity. Both together make one with both.
	Account        string // of the role, twelve digits
	RoleName       string // made up from the role without
	OIDCIssuer     string // of the EKS cluster, with or without https://
	Namespace      string // "fleetcost" without
	ServiceAccount string // "fleetcost-agent" or "fleetcost" without
	PodIdentity    bool

	// CrossAccountRole is the ARN of the role where it is of another account
	// than the bucket: adds the bucket's policy, and the key's.
	CrossAccountRole string

	EKSCluster, Region string // for eksctl

	Format   string // FormatJSON without
	Document string // one document only; "" for all
}

type policyDocument struct {
	Version   string            `json:"Version"`
	Statement []policyStatement `json:"Statement"`
}

type policyStatement struct {
	Sid       string                    `json:"Sid,omitempty"`
	Effect    string                    `json:"Effect"`
	Principal map[string]string         `json:"Principal,omitempty"`
	Action    []string                  `json:"Action"`
	Resource  []string                  `json:"Resource,omitempty"`
	Condition map[string]map[string]any `json:"Condition,omitempty"`
}

const policyVersion = "2012-10-17"

// keys below the prefix, as docs/format/v1.md has them.
const (
	checkPrefix   = "v1/check/"
	clusterPrefix = "v1/cluster/"
)

// serverWrites is what a server writes and deletes.
var serverWrites = []string{"v1/state/*", "v1/cloud_cost/*", "v1/price_book/*", checkPrefix + "*"}

// seedActions are the five actions of the policy that Kubecost's page asks for.
var seedActions = []string{"s3:ListBucket", "s3:GetObject", "s3:DeleteObject", "s3:PutObject", "s3:PutObjectAcl"}

var (
	accountPattern   = regexp.MustCompile(`^\d{12}$`)
	bucketPattern    = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	clusterIDPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`) // as costfile has it
	roleARNPattern   = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+$`)
	keyARNPattern    = regexp.MustCompile(`^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:(key|alias)/[\w/-]+$`)
	namePattern      = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`) // of Kubernetes
	issuerPattern    = regexp.MustCompile(`^[A-Za-z0-9.-]+(:\d+)?(/[\w./-]+)?$`)
	roleNamePattern  = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)
	// prefixPattern leaves out what IAM reads as a pattern or a variable.
	prefixPattern = regexp.MustCompile(`^[^*?$]*$`)
)

// defaults fills in what was left out, and names everything that is wrong.
func (in *PolicyInput) defaults() error {
	fill := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	fill(&in.Partition, "aws")
	fill(&in.Format, FormatJSON)
	fill(&in.Namespace, "fleetcost")
	account := "fleetcost"
	if in.Role == RoleAgent {
		account = "fleetcost-agent"
	}
	fill(&in.ServiceAccount, account)
	in.OIDCIssuer = strings.TrimSuffix(strings.TrimPrefix(in.OIDCIssuer, "https://"), "/")
	in.Prefix = strings.Trim(in.Prefix, "/")
	name := account
	if in.ClusterID != "" {
		name += "-" + in.ClusterID
	}
	fill(&in.RoleName, name[:min(len(name), 64)])
	return in.validate()
}

func (in *PolicyInput) validate() error {
	var errs []error
	match := func(what, value string, pattern *regexp.Regexp, example string) {
		if value != "" && !pattern.MatchString(value) {
			errs = append(errs, fmt.Errorf("%s %q: want something like %s", what, value, example))
		}
	}
	if in.Bucket == "" {
		errs = append(errs, errors.New("no bucket: give --bucket, or -f with a federated-store.yaml"))
	}
	match("--bucket", in.Bucket, bucketPattern, "fleet-costs")
	match("prefix", in.Prefix, prefixPattern, "production, without *, ? and $")
	match("--cluster-id", in.ClusterID, clusterIDPattern, "prod-us")
	match("--account", in.Account, accountPattern, "123456789012")
	match("--kms-key-arn", in.KMSKeyARN, keyARNPattern, "arn:aws:kms:us-east-1:123456789012:key/1234abcd-…")
	match("--cross-account-role", in.CrossAccountRole, roleARNPattern, "arn:aws:iam::123456789012:role/fleetcost")
	match("--oidc-issuer", in.OIDCIssuer, issuerPattern, "https://oidc.eks.us-east-1.amazonaws.com/id/EXAMPLE")
	match("--namespace", in.Namespace, namePattern, "fleetcost")
	match("--service-account", in.ServiceAccount, namePattern, "fleetcost-agent")
	match("--role-name", in.RoleName, roleNamePattern, "fleetcost-agent")
	match("--eks-cluster", in.EKSCluster, roleNamePattern, "prod-us")
	match("--region", in.Region, namePattern, "us-east-1")
	oneOf := func(what, value string, allowed ...string) {
		if !slices.Contains(allowed, value) {
			errs = append(errs, fmt.Errorf("%s %q: use one of %s", what, value, strings.Join(allowed, ", ")))
		}
	}
	oneOf("--partition", in.Partition, "aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b")
	oneOf("--role", string(in.Role), string(RoleAgent), string(RoleServer), string(RoleSeed))
	oneOf("--format", in.Format, FormatJSON, FormatTerraform, FormatCloudFormation, FormatEksctl)
	if in.Document != "" {
		oneOf("--document", in.Document, DocumentIdentity, DocumentTrust, DocumentBucket, DocumentKey)
	}
	if in.OIDCIssuer != "" && in.Account == "" {
		errs = append(errs, errors.New("--oidc-issuer needs --account: the trust policy names the OIDC provider by the account that the role is in"))
	}
	if in.ClusterID != "" && in.Role != RoleAgent {
		errs = append(errs, fmt.Errorf("--cluster-id is for --role agent: the policy of %s is not one cluster's", in.Role))
	}
	return errors.Join(errs...)
}

// Policy returns the least rights that the role works with, and the other
// documents that the input asks for, in the format it names. As JSON, one
// document stands alone; several are the members of one object.
func Policy(in PolicyInput) (string, error) {
	if err := in.defaults(); err != nil {
		return "", err
	}
	docs, err := in.documents()
	if err != nil {
		return "", err
	}
	switch in.Format {
	case FormatTerraform:
		return in.terraform(docs)
	case FormatCloudFormation:
		return in.cloudFormation(docs)
	case FormatEksctl:
		return in.eksctl(docs)
	default:
		return policyJSON(docs)
	}
}

// namedDocument is one document by the name that Policy gives it.
type namedDocument struct {
	name string
	doc  policyDocument
}

// documents are those that the input asks for, the identity's first.
func (in *PolicyInput) documents() ([]namedDocument, error) {
	docs := []namedDocument{{DocumentIdentity, in.identityPolicy()}}
	if trust := in.trustPolicy(); len(trust.Statement) > 0 {
		docs = append(docs, namedDocument{DocumentTrust, trust})
	}
	if in.CrossAccountRole != "" {
		docs = append(docs, namedDocument{DocumentBucket, in.bucketPolicy()})
		if in.KMSKeyARN != "" {
			docs = append(docs, namedDocument{DocumentKey, in.keyPolicy()})
		}
	}
	if in.Document == "" {
		return docs, nil
	}
	i := slices.IndexFunc(docs, func(d namedDocument) bool { return d.name == in.Document })
	if i < 0 {
		needs := map[string]string{
			DocumentTrust: "--oidc-issuer and --account, or --pod-identity", DocumentBucket: "--cross-account-role",
			DocumentKey: "--cross-account-role and --kms-key-arn",
		}[in.Document]
		return nil, fmt.Errorf("--document %s needs %s", in.Document, needs)
	}
	return docs[i : i+1], nil
}

func (in *PolicyInput) bucketARN() string { return "arn:" + in.Partition + ":s3:::" + in.Bucket }

// keyARNs are the ARNs of keys below the prefix.
func (in *PolicyInput) keyARNs(patterns ...string) []string {
	base := in.bucketARN() + "/"
	if in.Prefix != "" {
		base += in.Prefix + "/"
	}
	out := make([]string, len(patterns))
	for i, p := range patterns {
		out[i] = base + p
	}
	return out
}

func (in *PolicyInput) putActions() []string {
	if in.NoACL {
		return []string{"s3:PutObject"}
	}
	return []string{"s3:PutObject", "s3:PutObjectAcl"}
}

// identityPolicy is what the role may do.
func (in *PolicyInput) identityPolicy() policyDocument {
	s := in.bucketStatements()
	if in.KMSKeyARN != "" {
		s = append(s, in.keyStatement())
	}
	return policyDocument{policyVersion, s}
}

func (in *PolicyInput) keyStatement() policyStatement {
	return policyStatement{
		Sid: "BucketKey", Effect: "Allow", Action: []string{"kms:GenerateDataKey", "kms:Decrypt"}, Resource: []string{in.KMSKeyARN},
	}
}

func (in *PolicyInput) bucketStatements() []policyStatement {
	switch in.Role {
	case RoleSeed:
		return []policyStatement{{
			Sid: "Statement", Effect: "Allow", Action: seedActions,
			Resource: []string{in.bucketARN() + "/*", in.bucketARN()},
		}}
	case RoleServer:
		list := policyStatement{Sid: "FindClusters", Effect: "Allow", Action: []string{"s3:ListBucket"}, Resource: []string{in.bucketARN()}}
		if in.Prefix != "" {
			list.Condition = map[string]map[string]any{"StringLike": {"s3:prefix": in.Prefix + "/*"}}
		}
		return []policyStatement{
			list,
			{Sid: "ReadFleet", Effect: "Allow", Action: []string{"s3:GetObject"}, Resource: in.keyARNs("*")},
			{
				Sid: "KeepState", Effect: "Allow", Action: append(in.putActions(), "s3:DeleteObject"),
				Resource: in.keyARNs(serverWrites...),
			},
		}
	default:
		id := in.ClusterID
		if id == "" {
			id = "*"
		}
		return []policyStatement{
			{
				Sid: "OwnCluster", Effect: "Allow", Action: append([]string{"s3:GetObject"}, in.putActions()...),
				Resource: in.keyARNs("*/cluster_id=" + id + "/*"),
			},
			{Sid: "PriceBook", Effect: "Allow", Action: []string{"s3:GetObject"}, Resource: in.keyARNs("v1/price_book/*")},
		}
	}
}

// trustPolicy tells who may take the role on.
func (in *PolicyInput) trustPolicy() policyDocument {
	doc := policyDocument{Version: policyVersion}
	if in.OIDCIssuer != "" {
		doc.Statement = append(doc.Statement, policyStatement{
			Sid: "ServiceAccountToken", Effect: "Allow",
			Principal: map[string]string{"Federated": "arn:" + in.Partition + ":iam::" + in.Account + ":oidc-provider/" + in.OIDCIssuer},
			Action:    []string{"sts:AssumeRoleWithWebIdentity"},
			Condition: map[string]map[string]any{"StringEquals": {
				in.OIDCIssuer + ":aud": "sts.amazonaws.com",
				in.OIDCIssuer + ":sub": "system:serviceaccount:" + in.Namespace + ":" + in.ServiceAccount,
			}},
		})
	}
	if in.PodIdentity {
		// Which pods may is said by the association, which is made with the
		// rights to pass this role.
		doc.Statement = append(doc.Statement, policyStatement{
			Sid: "PodIdentity", Effect: "Allow",
			Principal: map[string]string{"Service": "pods.eks.amazonaws.com"},
			Action:    []string{"sts:AssumeRole", "sts:TagSession"},
		})
	}
	return doc
}

// bucketPolicy lets the role of another account in: both accounts must allow.
func (in *PolicyInput) bucketPolicy() policyDocument {
	s := in.bucketStatements()
	for i := range s {
		s[i].Principal = map[string]string{"AWS": in.CrossAccountRole}
	}
	return policyDocument{policyVersion, s}
}

// keyPolicy is the statement to add to the policy of a key in another account.
func (in *PolicyInput) keyPolicy() policyDocument {
	s := in.keyStatement()
	s.Principal = map[string]string{"AWS": in.CrossAccountRole}
	s.Resource = []string{"*"} // in a key's policy: this key
	return policyDocument{policyVersion, []policyStatement{s}}
}

func policyJSON(docs []namedDocument) (string, error) {
	if len(docs) == 1 {
		return indentJSON(docs[0].doc)
	}
	// In the order of docs, which a map would lose.
	var b bytes.Buffer
	b.WriteByte('{')
	for i, d := range docs {
		if i > 0 {
			b.WriteByte(',')
		}
		text, err := indentJSON(d.doc)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "%q:%s", d.name, text)
	}
	b.WriteByte('}')
	return indentJSON(json.RawMessage(b.Bytes()))
}

// indentJSON writes v for people, with <, > and & as they are.
func indentJSON(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return "", fmt.Errorf("write JSON: %w", err)
	}
	return b.String(), nil
}
