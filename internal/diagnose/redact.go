package diagnose

import (
	"regexp"
	"strings"
)

const hidden = "<redacted>"

var (
	pemKey  = regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)`)
	jwt     = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*){1,4}`)
	keyID   = regexp.MustCompile(`(?:AKIA|ASIA|GOOG)[A-Z0-9]{12,}`)
	auth    = regexp.MustCompile(`(?i)(authorization"?\s*[:=]\s*\[?"?)(AWS4-[A-Z0-9-]+ Credential=\S+ ?SignedHeaders=\S+ ?Signature=\S+|[A-Za-z0-9-]+ [^\s"]+|[^\s"]+)`)
	bearer  = regexp.MustCompile(`(?i)\b(bearer|basic) [A-Za-z0-9+/=._~-]{16,}`)
	valued  = regexp.MustCompile(`(?i)((?:secret[_-]?(?:access[_-]?)?key|session[_-]?token|security[_-]?token|signature(?:provided)?|password|private[_-]?key(?:[_-]?id)?|account[_-]?key|shared[_-]?access[_-]?signature|client[_-]?secret|access[_-]?token|refresh[_-]?token|id[_-]?token|web[_-]?identity[_-]?token|encryption[_-]?key|\bsig)\\?"?'?(?:\s*[=:]\s*|>)\\?"?'?)([^\s"'<>&,;\\]+)`)
	encoded = regexp.MustCompile(`[A-Za-z0-9/+_-]{40,}={0,2}`)
)

// Redact removes secrets from a text: private keys, tokens, signatures, secret
// keys. Of access key ids the first and last four characters stay, enough to
// find one in a console.
func Redact(text string) string {
	text = pemKey.ReplaceAllString(text, hidden)
	text = jwt.ReplaceAllString(text, hidden)
	text = auth.ReplaceAllString(text, "${1}"+hidden)
	text = bearer.ReplaceAllString(text, "${1} "+hidden)
	text = valued.ReplaceAllString(text, "${1}"+hidden)
	text = keyID.ReplaceAllStringFunc(text, func(id string) string { return id[:4] + "…" + id[len(id)-4:] })
	return encoded.ReplaceAllStringFunc(text, func(run string) string {
		if looksRandom(run) {
			return hidden
		}
		return run
	})
}

// looksRandom tells an encoded secret from a path or a name: it mixes upper
// case, lower case and digits, and has no long word.
func looksRandom(run string) bool {
	const upper, lower, digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz", "0123456789"
	if !strings.ContainsAny(run, upper) || !strings.ContainsAny(run, lower) || !strings.ContainsAny(run, digits) {
		return false
	}
	changes := 0
	for i := 1; i < len(run); i++ {
		if class(run[i]) != class(run[i-1]) {
			changes++
		}
	}
	// In random base64 two of three neighbours differ in class; in names, few do.
	return changes*3 >= len(run)
}

func class(c byte) int {
	switch {
	case c >= 'a' && c <= 'z':
		return 0
	case c >= 'A' && c <= 'Z':
		return 1
	case c >= '0' && c <= '9':
		return 2
	default:
		return 3
	}
}
