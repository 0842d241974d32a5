package diagnose

import (
	"cmp"
	"reflect"
	"regexp"
	"strings"
)

// arn is an Amazon Resource Name. The account may be a placeholder, as in
// published logs.
type arn struct {
	text, partition, service, region, account, resource string
}

var arnForm = regexp.MustCompile(`arn:(aws[a-z-]*|<partition>):([a-z0-9-]+):([a-z0-9-]*):([A-Za-z0-9_<>-]*):([^\s"',;)\]]+)`)

func parseARN(text string) arn {
	m := arnForm.FindStringSubmatch(text)
	if m == nil {
		return arn{}
	}
	whole := strings.TrimRight(m[0], ".:")
	return arn{
		text: whole, partition: m[1], service: m[2], region: m[3], account: m[4],
		resource: strings.TrimRight(m[5], ".:"),
	}
}

// name is the resource without its type: "role/path/X" is X, and so is the
// middle part of "assumed-role/X/session".
func (a arn) name() string {
	parts := strings.Split(a.resource, "/")
	if parts[0] == "assumed-role" && len(parts) > 1 {
		return parts[1]
	}
	return parts[len(parts)-1]
}

// session is the last part of "assumed-role/X/session", else "".
func (a arn) session() string {
	parts := strings.Split(a.resource, "/")
	if parts[0] != "assumed-role" || len(parts) != 3 {
		return ""
	}
	return parts[2]
}

// principal is what policies call the caller: the role, not its session. The
// path of a role is not in a session's ARN.
func (a arn) principal() string {
	if strings.HasPrefix(a.resource, "assumed-role/") {
		return "arn:" + a.partition + ":iam::" + a.account + ":role/" + a.name()
	}
	return a.text
}

// redacted removes secrets that a caller may have put among the names.
func (n Names) redacted() Names {
	v := reflect.ValueOf(&n).Elem()
	for i := range v.NumField() {
		v.Field(i).SetString(Redact(v.Field(i).String()))
	}
	return n
}

// finds are names that stand in a text in a known form. The group is the name;
// the last occurrence counts.
var finds = map[string][]*regexp.Regexp{
	"bucket": {
		regexp.MustCompile(`"?BucketName"?(?:>|: ?"?)([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])`),
		regexp.MustCompile(`arn:aws[a-z-]*:s3:::([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])`),
		regexp.MustCompile(`\bs3[an]?://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])`),
		regexp.MustCompile(`\bgs://([a-z0-9][a-z0-9._-]{1,61}[a-z0-9])`),
		regexp.MustCompile(`output bucket ([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])`),
		regexp.MustCompile(`https?://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\.s3[.-]`),
	},
	"region":         {regexp.MustCompile(`the region '([a-z0-9-]+)' is wrong`), regexp.MustCompile(`config\.region says "([a-z0-9-]+)"`)},
	"wanted-region":  {regexp.MustCompile(`expecting '([a-z0-9-]+)'`), regexp.MustCompile(`is in region ([a-z0-9-]+)`), regexp.MustCompile(`<Region>([a-z0-9-]+)</Region>`)},
	"service-region": {regexp.MustCompile(`\b(?:sts|athena|glue|kms|oidc\.eks|s3)\.([a-z]{2}(?:-[a-z]+)+-\d)\.amazonaws`)},
	"endpoint":       {regexp.MustCompile(`<Endpoint>([^<\s]+)</Endpoint>`), regexp.MustCompile(`specified endpoint[^"]*"([a-z0-9.-]+)"`)},
	"oidc-issuer":    {regexp.MustCompile(`provider found in your account for (https?://[^\s"',]+)`), regexp.MustCompile(`(https://oidc\.eks\.[^\s"',]+)`)},
	"workgroup":      {regexp.MustCompile(`workgroup/([A-Za-z0-9._-]+)`), regexp.MustCompile(`(?i:workgroup) '?"?([A-Za-z0-9._-]+)'?"? (?:is (?:disabled|not found)|not found)`)},
	"database":       {regexp.MustCompile(`(?i:table|schema) '(?:awsdatacatalog\.)?([A-Za-z0-9_-]+)[.'"]`), regexp.MustCompile(`:(?:database|table)/([A-Za-z0-9_-]+)`)},
	"table":          {regexp.MustCompile(`(?i:table) '(?:[A-Za-z0-9_-]+\.)+([A-Za-z0-9_-]+)'`), regexp.MustCompile(`:table/[A-Za-z0-9_-]+/([A-Za-z0-9_-]+)`), regexp.MustCompile(`Required [A-Za-z ]+ on ([a-z0-9_]+)\b`)},
	"column":         {regexp.MustCompile(`(?i:column) '([A-Za-z0-9_]+)'`)},
	"host": {
		regexp.MustCompile(`lookup ([A-Za-z0-9.-]*[A-Za-z0-9])\b`),
		regexp.MustCompile(`https?://([A-Za-z0-9.-]+(?::\d+)?|\[[0-9a-f:]+\](?::\d+)?)`),
		regexp.MustCompile(`dial tcp ([0-9a-f.:\[\]]+:\d+)`),
		regexp.MustCompile(`not ([A-Za-z0-9*.-]+\.[A-Za-z0-9-]*[A-Za-z0-9])`),
	},
	"certificate-name": {regexp.MustCompile(`certificate is valid for ([A-Za-z0-9*.-]*[A-Za-z0-9])`)},
	"file":             {regexp.MustCompile(`(?:open|read|write|rename|mkdir|remove|unlinkat|file) (/[^\s:"',]+)`)},
	"google-account":   {regexp.MustCompile(`([a-z0-9-]+@[a-z0-9.-]+\.iam\.gserviceaccount\.com)`)},
	"google-action":    {regexp.MustCompile(`(storage\.[a-zA-Z]+\.[a-zA-Z]+)`)},
	"storage-account":  {regexp.MustCompile(`https?://([a-z0-9]{3,24})\.blob\.`)},
	"container":        {regexp.MustCompile(`\.blob\.[a-z0-9.]+/([a-z0-9][a-z0-9-]{1,62})`)},
	"tenant":           {regexp.MustCompile(`login\.microsoftonline\.com/([0-9a-f-]{36})`)},
	"azure-issuer":     {regexp.MustCompile(`Assertion Issuer: '([^']+)'`)},
	"cluster-id":       {regexp.MustCompile(`cluster_id=([A-Za-z0-9][A-Za-z0-9._-]{0,62})`)},
	"namespace":        {regexp.MustCompile(`system:serviceaccount:([a-z0-9-]+):`)},
	"service-account":  {regexp.MustCompile(`system:serviceaccount:[a-z0-9-]+:([a-z0-9.-]+)`)},
}

var anyARN = regexp.MustCompile(`arn:aws[a-z-]*:(?:sts|iam|kms):[a-z0-9-]*:[A-Za-z0-9_<>-]*:[^\s"',;)\]]+`)

// readNames gathers the names for cause, fix and snippets. What the text names
// wins over what the operator's configuration does: the error is about the
// former.
func (r *reading) readNames(with Names) {
	n := r.names
	for name, forms := range finds {
		if v := last(r.text, forms...); v != "" && n[name] == "" {
			n[name] = v
		}
	}
	role, key := arn{}, arn{}
	r.caller = parseARN(with.CallerARN)
	for _, text := range anyARN.FindAllString(r.text, -1) {
		switch a := parseARN(text); {
		case a.service == "sts" && strings.HasPrefix(a.resource, "assumed-role/"), a.service == "iam" && strings.HasPrefix(a.resource, "user/"):
			r.caller = a
		case a.service == "iam" && strings.HasPrefix(a.resource, "role/"):
			role = a
		case a.service == "kms":
			key = a
		}
	}
	resource := arn{}
	if m := lastMatch(onResource, r.text); m != nil {
		resource = parseARN(m[1])
	}
	own := parseARN(with.RoleARN)
	if role.text == "" {
		role = own
	}
	n["partition"] = cmp.Or(role.partition, r.caller.partition, resource.partition, with.Partition, partitionOf(cmp.Or(n["region"], with.Region)))
	set := func(name string, values ...string) { n[name] = cmp.Or(append([]string{n[name]}, values...)...) }
	set("role-arn", role.text)
	set("role", role.name())
	set("role-account", role.account)
	set("caller-arn", r.caller.text)
	set("who", r.caller.name(), own.name(), "the caller")
	set("caller-role", r.caller.name())
	set("caller-account", r.caller.account, with.Account, own.account)
	set("session", r.caller.session())
	set("kms-key-arn", key.text, with.KMSKeyARN)
	set("bucket", with.Bucket)
	set("container", with.Bucket)
	set("key", with.Key)
	set("region", resource.region, with.Region, n["service-region"], key.region)
	set("wanted-region", n["service-region"])
	set("service-region", with.Region)
	set("endpoint", with.Endpoint)
	set("cluster-id", with.ClusterID)
	set("namespace", with.Namespace)
	set("service-account", with.ServiceAccount)
	set("oidc-issuer", with.OIDCIssuer)
	set("audience", with.Audience, "sts.amazonaws.com")
	if with.Subject != "" {
		set("subject", with.Subject)
	} else {
		set("subject", "system:serviceaccount:"+r.fill("{{namespace}}:{{service-account}}"))
	}
	set("issuer-host", strings.TrimPrefix(n["oidc-issuer"], "https://"))
	set("action", r.denied, r.tried)
	set("tried", r.tried, r.denied)
	if host := n["host"]; host != "" && !strings.Contains(host, ":") {
		set("host-port", host+":443")
	}
	set("host-port", n["host"])
	prefix := strings.Trim(with.Prefix, "/")
	if prefix != "" {
		prefix += "/"
	}
	n["prefix"] = prefix // nothing is a prefix too
	r.deriveIdentity(own)
	r.deriveResources(resource)
}

// deriveIdentity names the role that should get permissions: the caller's, but
// the service account's own where the caller is a node.
func (r *reading) deriveIdentity(own arn) {
	n := r.names
	mine := own.text
	if mine == "" {
		mine = r.fill("arn:{{partition}}:iam::{{caller-account}}:role/<role-of-the-pod>")
	}
	n["pod-role-arn"], n["pod-role"] = mine, parseARN(mine).name()
	if n["pod-role"] == "" {
		n["pod-role"] = "<role-of-the-pod>"
	}
	switch {
	case r.onNodeRole() || r.caller.text == "":
		n["identity-arn"], n["identity"] = n["pod-role-arn"], n["pod-role"]
	default:
		n["identity-arn"], n["identity"] = r.caller.principal(), r.caller.name()
	}
}

// deriveResources names what a policy has to allow: the resource of the text,
// widened from one object to all that the program writes.
func (r *reading) deriveResources(resource arn) {
	n := r.names
	n["bucket-arn"] = r.fill("arn:{{partition}}:s3:::{{bucket}}")
	n["objects-arn"] = n["bucket-arn"] + "/" + n["prefix"] + "*"
	switch {
	case resource.text != "" && resource.service != "s3":
		n["resource"] = resource.text
	case n["action"] == "s3:ListBucket" || n["action"] == "s3:GetBucketLocation":
		n["resource"] = n["bucket-arn"]
	default:
		n["resource"] = n["objects-arn"]
	}
}

func partitionOf(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	default:
		return "aws"
	}
}

var slot = regexp.MustCompile(`\{\{[a-z-]+\}\}`)

// fill puts names in the place of {{name}}; a name that is not known becomes
// <name>.
func (r *reading) fill(template string) string {
	return slot.ReplaceAllStringFunc(template, func(s string) string {
		name := s[2 : len(s)-2]
		if v := r.names[name]; v != "" {
			return v
		}
		return "<" + name + ">"
	})
}
