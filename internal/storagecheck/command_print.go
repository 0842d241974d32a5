package storagecheck

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/diagnose"
)

// maxExplained bounds what explain reads; an error is a few lines.
const maxExplained = 16 << 20

func newExplain(env *Surroundings) *cobra.Command {
	var output, file string
	cmd := &cobra.Command{
		Use:   "explain",
		Short: "Explain an error text or log lines, read from standard input",
		Long: `Read an error text or log lines from standard input, find the failures that are
known, and print of each its cause and fix. Names that the text lacks come from
-f, where it is given. Secrets are removed.

Exit codes:
  0  explained
  1  nothing in the text is known
  2  wrong usage`,
		Example: `  kubectl logs deploy/fleetcost-agent | fleetcost storage explain
  fleetcost storage explain -o json < error.txt`,
		Args: env.NoArgs,
		RunE: func(*cobra.Command, []string) error { return explain(env, output, file) },
	}
	cmd.Flags().StringVarP(&output, "output", "o", outTable, "table (text for people) or json")
	cmd.Flags().StringVarP(&file, "storage-config", "f", "", "federated-store.yaml whose names are filled in where the text has none")
	complete(cmd, "output", outTable, outJSON)
	return cmd
}

func explain(env *Surroundings, output, file string) error {
	if err := checkOutput(output); err != nil {
		return err
	}
	var with diagnose.Names
	if file != "" {
		cfg, err := env.readConfig(file)
		if err != nil {
			return err
		}
		r := runner{cfg: cfg}
		r.learnConfig()
		with = r.names
	}
	text, err := io.ReadAll(io.LimitReader(env.Stdin, maxExplained))
	if err != nil {
		return fmt.Errorf("read standard input: %w", err)
	}
	if strings.TrimSpace(string(text)) == "" {
		return usage("standard input is empty: give the error text, as in `fleetcost storage explain < error.txt`")
	}
	found := Explain(string(text), with)
	if output == outJSON {
		if err := writeDiagnosesJSON(env.Stdout, found); err != nil {
			return err
		}
	} else {
		for i, d := range found {
			if i > 0 {
				fmt.Fprintln(env.Stdout, strings.Repeat("-", 72))
			}
			fmt.Fprint(env.Stdout, d.Text())
		}
	}
	if len(found) == 0 {
		return errors.New("nothing in this text is a known failure; please send it, after removing what is secret, to https://github.com/fleetcost/fleetcost/issues, so that the next version knows it; `storage check` may find the cause by trying")
	}
	return nil
}

// anyValue stands for secrets of the environment, which names do not need.
func anyValue(string) string { return "unknown" }

// readConfig parses a federated-store.yaml, of which only names are needed.
func (env *Surroundings) readConfig(file string) (bucket.Config, error) {
	text, err := env.readFile(file)
	if err != nil {
		return bucket.Config{}, err
	}
	cfg, _, err := bucket.ParseConfig(file, text, bucket.ParseOptions{LenientUnknown: true, Getenv: anyValue})
	if err != nil {
		return bucket.Config{}, &UsageError{err}
	}
	return cfg, nil
}

func newPolicy(env *Surroundings) *cobra.Command {
	var in PolicyInput
	var role, file string
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Print the least IAM policy that works, and trust, bucket and key policies",
		Long: `Print the least rights that an agent or a server works with. An agent with
--cluster-id may only touch its own cluster's keys; --role seed prints the one
policy of Kubecost's page, which suffices for agents and server.

The trust policy is added for IRSA (--oidc-issuer with --account) and for EKS Pod
Identity (--pod-identity); the bucket's policy, and the key's, where the role is
of another account (--cross-account-role). JSON is one document, or an object of
documents by name; --document picks one.`,
		Example: `  fleetcost storage policy --bucket fleet-costs --cluster-id prod-us > policy.json
  fleetcost storage policy --bucket fleet-costs --role server --format terraform
  fleetcost storage policy --bucket fleet-costs --cluster-id prod-us --account 123456789012 \
    --oidc-issuer https://oidc.eks.us-east-1.amazonaws.com/id/EXAMPLE --document trust`,
		Args: env.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			in.Role = roleFor(role, in.ClusterID)
			if err := env.learnPolicy(&in, file); err != nil {
				return err
			}
			text, err := Policy(in)
			if err != nil {
				return &UsageError{err}
			}
			_, err = io.WriteString(env.Stdout, text)
			return err
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&in.Bucket, "bucket", "", "name of the bucket")
	fs.StringVarP(&file, "storage-config", "f", "", "federated-store.yaml to take bucket, prefix, ACL and KMS key from")
	fs.StringVar(&in.Prefix, "prefix", "", "prefix of the federated-store.yaml")
	fs.StringVar(&role, "role", "", "agent, server or seed; default: agent with --cluster-id, else server")
	fs.StringVar(&in.ClusterID, "cluster-id", "", "cluster whose agent is meant")
	fs.StringVar(&in.Format, "format", FormatJSON, "json, terraform, cloudformation or eksctl")
	fs.StringVar(&in.Document, "document", "", "print one document only: identity, trust, bucket or kms-key")
	fs.StringVar(&in.Partition, "partition", "", "aws, aws-cn, aws-us-gov, …; default: by the region")
	fs.StringVar(&in.KMSKeyARN, "kms-key-arn", "", "key of SSE-KMS")
	fs.BoolVar(&in.NoACL, "no-acl", false, "leave s3:PutObjectAcl out: writes carry no X-Amz-Acl")
	fs.StringVar(&in.Account, "account", "", "account of the role, for its trust policy")
	fs.StringVar(&in.RoleName, "role-name", "", "name of the role; default: of the service account and the cluster")
	fs.StringVar(&in.OIDCIssuer, "oidc-issuer", "", "OIDC issuer of the EKS cluster, for IRSA")
	fs.BoolVar(&in.PodIdentity, "pod-identity", false, "trust EKS Pod Identity")
	fs.StringVar(&in.Namespace, "namespace", "fleetcost", "namespace of the service account")
	fs.StringVar(&in.ServiceAccount, "service-account", "", "service account; default: fleetcost-agent, for the server fleetcost")
	fs.StringVar(&in.CrossAccountRole, "cross-account-role", "", "ARN of the role, where the bucket is of another account")
	fs.StringVar(&in.EKSCluster, "eks-cluster", "", "name of the EKS cluster, for eksctl")
	fs.StringVar(&in.Region, "region", "", "region of the EKS cluster, for eksctl")
	complete(cmd, "role", string(RoleAgent), string(RoleServer), string(RoleSeed))
	complete(cmd, "format", FormatJSON, FormatTerraform, FormatCloudFormation, FormatEksctl)
	complete(cmd, "document", DocumentIdentity, DocumentTrust, DocumentBucket, DocumentKey)
	return cmd
}

// learnPolicy takes what the flags leave open from a federated-store.yaml.
func (env *Surroundings) learnPolicy(in *PolicyInput, file string) error {
	if file != "" {
		cfg, err := env.readConfig(file)
		if err != nil {
			return err
		}
		if cfg.Type != bucket.TypeS3 && in.Bucket == "" {
			return usage("%s is of type %s: IAM policies are for S3", file, cfg.Type)
		}
		if cfg.Type != bucket.TypeS3 {
			cfg = bucket.Config{} // it is about another bucket
		}
		r := runner{cfg: cfg}
		r.learnConfig()
		in.Bucket = cmp.Or(in.Bucket, cfg.S3.Bucket)
		in.Prefix = cmp.Or(in.Prefix, cfg.Prefix)
		in.Region = cmp.Or(in.Region, cfg.S3.Region)
		in.NoACL = in.NoACL || cfg.Type == bucket.TypeS3 && r.acl() == ""
		if in.KMSKeyARN == "" {
			in.KMSKeyARN = r.names.KMSKeyARN
		}
		if cfg.S3.SSE.Type == "SSE-KMS" && in.KMSKeyARN == "" {
			fmt.Fprintf(env.Stderr, "warning: sse_config.kms_key_id %q is no ARN: give --kms-key-arn, or the policy lacks the key\n", cfg.S3.SSE.KMSKeyID)
		}
	}
	if in.Partition == "" {
		in.Partition = partitionOf(in.Region)
	}
	return nil
}

func newLifecycle(env *Surroundings) *cobra.Command {
	var in LifecycleInput
	var file string
	cmd := &cobra.Command{
		Use:   "lifecycle",
		Short: "Print lifecycle rules for the bucket",
		Long: `Print lifecycle rules: abort uploads that were never finished, expire old
versions, and with --retention-days expire daily objects. What users save, bills
and price books are kept.

A bucket has one lifecycle configuration: merge these rules into what it has.`,
		Example: `  fleetcost storage lifecycle > lifecycle.json
  aws s3api put-bucket-lifecycle-configuration --bucket fleet-costs --lifecycle-configuration file://lifecycle.json`,
		Args: env.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if file != "" {
				cfg, err := env.readConfig(file)
				if err != nil {
					return err
				}
				in.Bucket, in.Prefix = cmp.Or(in.Bucket, cfg.S3.Bucket), cmp.Or(in.Prefix, cfg.Prefix)
			}
			text, err := Lifecycle(in)
			if err != nil {
				return &UsageError{err}
			}
			_, err = io.WriteString(env.Stdout, text)
			return err
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&in.Bucket, "bucket", "", "name of the bucket, for terraform and cloudformation")
	fs.StringVarP(&file, "storage-config", "f", "", "federated-store.yaml to take bucket and prefix from")
	fs.StringVar(&in.Prefix, "prefix", "", "prefix of the federated-store.yaml")
	fs.IntVar(&in.RetentionDays, "retention-days", 0, "expire daily objects after so many days; 0 keeps them")
	fs.IntVar(&in.NoncurrentDays, "noncurrent-days", 30, "expire old versions after so many days")
	fs.IntVar(&in.AbortDays, "abort-days", 2, "abort unfinished uploads after so many days")
	fs.StringVar(&in.Format, "format", FormatJSON, "json, terraform or cloudformation")
	complete(cmd, "format", FormatJSON, FormatTerraform, FormatCloudFormation)
	return cmd
}
