package bucket

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	maxKeyBytes     = 1024 // S3's limit for a whole key
	maxSegmentBytes = 255  // the limit of one name on the usual file systems
	reservedSegment = ".fleetcost"
)

// ValidateKey refuses a key that not every provider could store alike: empty,
// absolute, with an empty, "." or ".." segment, not UTF-8, with control
// characters or a backslash, too long, or inside the directory that FILESYSTEM keeps for itself.
func ValidateKey(key string) error {
	if key == "" {
		return errors.New("key is empty")
	}
	if len(key) > maxKeyBytes {
		return fmt.Errorf("key %.40q… has %d bytes, at most %d are allowed", key, len(key), maxKeyBytes)
	}
	if !utf8.ValidString(key) {
		return fmt.Errorf("key %q is not valid UTF-8", key)
	}
	for _, r := range key {
		if r < 0x20 || r == 0x7f || r == '\\' {
			return fmt.Errorf("key %q contains the character %q", key, r)
		}
	}
	for i, segment := range strings.Split(key, "/") {
		switch {
		case segment == "":
			return fmt.Errorf("key %q has an empty segment (leading, trailing or double slash)", key)
		case segment == "." || segment == "..":
			return fmt.Errorf("key %q has the segment %q", key, segment)
		case len(segment) > maxSegmentBytes:
			return fmt.Errorf("key %.40q… has a segment of %d bytes, at most %d are allowed", key, len(segment), maxSegmentBytes)
		case i == 0 && segment == reservedSegment:
			return fmt.Errorf("key %q is inside %s, which is reserved", key, reservedSegment)
		}
	}
	return nil
}

// validatePrefix accepts what may stand before a key: nothing, or a key that
// may end in a slash or in the middle of a segment.
func validatePrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	if err := ValidateKey(strings.TrimSuffix(prefix, "/")); err != nil {
		return fmt.Errorf("prefix: %w", err)
	}
	return nil
}
