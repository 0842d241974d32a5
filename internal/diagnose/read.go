package diagnose

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"
)

// maxText bounds what is read of one failure, in bytes. The innermost error is
// at the end, so the end is kept.
const maxText = 16 << 10

// reading is what a failure's facts and text tell, without secrets.
type reading struct {
	text, lower string // of the redacted text; lower is in lower case
	code        string // "" when the text names none in a known form
	status      int
	service     string
	tried       string // "s3:PutObject"
	denied      string // the action that a denial names: writing may need kms:GenerateDataKey
	requestID   string
	caller      arn
	names       map[string]string // for fill
}

var unescape = strings.NewReplacer(`\"`, `"`, `\n`, "\n", `\t`, " ", `\u003c`, "<", `\u003e`, ">", `\u0026`, "&", `\u0027`, "'", "&#39;", "'", "&quot;", `"`)

func read(f Facts) *reading {
	// Secrets go first: a cut could leave one without the word that tells it.
	text := Redact(unescape.Replace(strings.ToValidUTF8(f.Text, "�")))
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[len(text)-maxText:], "")
	}
	r := &reading{text: text, lower: strings.ToLower(text), names: map[string]string{}}
	r.readOperation(f)
	r.code = cmp.Or(f.Code, last(text, codeForms...))
	r.status = f.Status
	if r.status == 0 {
		r.status, _ = strconv.Atoi(last(text, statusForms...))
	}
	r.requestID = last(text, requestForms...)
	r.readNames(f.With.redacted())
	return r
}

var (
	codeForms = []*regexp.Regexp{
		regexp.MustCompile(`api error ([A-Za-z][A-Za-z0-9.]+)`),
		regexp.MustCompile(`<Code>([A-Za-z][A-Za-z0-9.]+)</Code>`),
		regexp.MustCompile(`"[Cc]ode" ?: ?"([A-Z][A-Za-z0-9.]+)"`),
		regexp.MustCompile(`An error occurred \(([A-Za-z0-9.]+)\)`),
		regexp.MustCompile(`(?i:error ?code)"?:? ?"?([A-Z][A-Za-z0-9.]+)`),
	}
	statusForms = []*regexp.Regexp{
		regexp.MustCompile(`(?i)status ?code"?[:=]? ?"?(\d{3})\b`),
		regexp.MustCompile(`HTTP(?:/[0-9.]+)? (\d{3})\b`),
		regexp.MustCompile(`googleapi: (?:got HTTP response code|Error) (\d{3})\b`),
		regexp.MustCompile(`RESPONSE (\d{3})\b`),
		regexp.MustCompile(`\b([345]\d\d) (?:Forbidden|Not Found|Bad Request|Unauthorized|Precondition Failed|Too Many Requests|Bad Gateway|Gateway Timeout|Insufficient Storage|Conflict|Service Unavailable|Moved Permanently|Internal Server Error)`),
	}
	requestForms = []*regexp.Regexp{
		regexp.MustCompile(`(?i:request[ -]?id)"?(?:: ?|=|>)"?([A-Za-z0-9-]{6,})`),
		regexp.MustCompile(`\(request ([A-Za-z0-9-]{6,})\)`),
		regexp.MustCompile(`RequestId:([A-Za-z0-9-]{6,})`),
	}
	sdkOperation = regexp.MustCompile(`operation error ([A-Za-z0-9 ]+): ([A-Za-z0-9]+)`)
	cliOperation = regexp.MustCompile(`when calling the ([A-Za-z0-9]+) operation`)
	ourOperation = regexp.MustCompile(`\b(s3|gcs|azure|filesystem|sts|athena|glue|kms):([A-Za-z.]+) on ([^\s:"]+)`)
	deniedAction = regexp.MustCompile(`(?i:not authorized to perform|no permission to perform):? ?"?([a-z0-9-]+:[A-Za-z]+)`)
	onResource   = regexp.MustCompile(`(?i:on (?:the )?resource):? ?"?(arn:[^\s"',;]+)`)
)

// readOperation finds what was tried and what was denied.
func (r *reading) readOperation(f Facts) {
	if m := lastMatch(sdkOperation, r.text); m != nil {
		r.tried = actionOf(m[1], m[2])
	} else if m := lastMatch(cliOperation, r.text); m != nil {
		r.tried = actionOf("", m[1])
	}
	if m := lastMatch(ourOperation, r.text); m != nil && m[3] != "resource" && m[3] != "the" {
		r.tried = cmp.Or(r.tried, m[1]+":"+m[2])
		r.readPlace(m[1], m[3], f.With)
	}
	r.tried = iamAction(cmp.Or(f.Action, r.tried))
	if m := lastMatch(deniedAction, r.text); m != nil {
		r.denied = m[1]
	}
	service, _, _ := strings.Cut(r.tried, ":")
	r.service = strings.ToLower(cmp.Or(f.Service, service))
}

// readPlace takes bucket and key from how internal/bucket names an object.
func (r *reading) readPlace(service, place string, with Names) {
	at, key, _ := strings.Cut(place, "/")
	switch {
	case service == "filesystem":
		at, key = place, ""
	case service == "azure" && at != with.Bucket: // account/container/key
		r.names["storage-account"] = at
		at, key, _ = strings.Cut(key, "/")
	}
	r.names["bucket"], r.names["key"] = at, key
	if service == "azure" {
		r.names["container"] = at
	}
}

// operations whose IAM action has another name.
var operations = map[string]string{
	"ListObjectsV2": "ListBucket", "ListObjects": "ListBucket", "HeadBucket": "ListBucket", "HeadObject": "GetObject",
	"CreateMultipartUpload": "PutObject", "UploadPart": "PutObject", "CompleteMultipartUpload": "PutObject",
	"DeleteObjects": "DeleteObject",
}

// iamAction names the IAM action of "s3:HeadObject".
func iamAction(tried string) string {
	service, op, ok := strings.Cut(tried, ":")
	if !ok {
		return tried
	}
	if a, ok := operations[op]; ok {
		op = a
	}
	return service + ":" + op
}

// actionOf names the IAM action of an SDK operation: ("S3", "HeadObject") is
// "s3:GetObject". Without a service it is told from the operation, or "".
func actionOf(service, op string) string {
	if a, ok := operations[op]; ok {
		op = a
	}
	service = strings.ToLower(strings.ReplaceAll(service, " ", ""))
	if service == "" {
		switch {
		case strings.HasPrefix(op, "AssumeRole"), op == "GetCallerIdentity":
			service = "sts"
		case strings.Contains(op, "Object"), op == "ListBucket", op == "GetBucketLocation":
			service = "s3"
		case strings.Contains(op, "Query"), strings.Contains(op, "WorkGroup"):
			service = "athena"
		case strings.Contains(op, "DataKey"), op == "Decrypt":
			service = "kms"
		default:
			return ""
		}
	}
	return service + ":" + op
}

// hasCode tells whether the failure has the code: the one that is known, else
// the word anywhere in the text.
func (r *reading) hasCode(code string) bool {
	if r.code != "" {
		return r.code == code
	}
	return hasWord(r.text, code) || code == "AccessDenied" && strings.Contains(r.lower, "access denied")
}

// hasWord tells whether word stands in text with no letter or digit around it.
func hasWord(text, word string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], word)
		if i < 0 {
			return false
		}
		i += from
		end := i + len(word)
		if (i == 0 || !alnum(text[i-1])) && (end == len(text) || !alnum(text[end])) {
			return true
		}
		from = i + 1
	}
}

func alnum(c byte) bool { return class(c) != 3 }

// hasAction tells whether action was tried or denied; a final * stands for any.
func (r *reading) hasAction(action string) bool {
	if prefix, open := strings.CutSuffix(action, "*"); open {
		return strings.HasPrefix(r.tried, prefix) || strings.HasPrefix(r.denied, prefix)
	}
	return action == r.denied || action == r.tried && r.denied == ""
}

// onNodeRole tells whether the caller is an EC2 instance: the session of an
// instance role is named by the instance.
func (r *reading) onNodeRole() bool { return instance.MatchString(r.caller.session()) }

var instance = regexp.MustCompile(`^i-[0-9a-f]{8,}$`)

func last(text string, forms ...*regexp.Regexp) string {
	at, value := -1, ""
	for _, form := range forms {
		for _, m := range form.FindAllStringSubmatchIndex(text, -1) {
			if m[2] > at {
				at, value = m[2], text[m[2]:m[3]]
			}
		}
	}
	return strings.TrimRight(value, ".")
}

func lastMatch(form *regexp.Regexp, text string) []string {
	all := form.FindAllStringSubmatch(text, -1)
	if len(all) == 0 {
		return nil
	}
	return all[len(all)-1]
}
