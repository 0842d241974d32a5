package storagecheck_test

import (
	"encoding/json"
	"slices"
	"testing"
)

// without is a policy without one action.
func without(t *testing.T, policy, action string) string {
	t.Helper()
	var doc struct {
		Version   string
		Statement []struct {
			Sid, Effect      string
			Action, Resource []string
		}
	}
	if err := json.Unmarshal([]byte(policy), &doc); err != nil {
		t.Fatal(err)
	}
	for i := range doc.Statement {
		s := &doc.Statement[i]
		s.Action = slices.DeleteFunc(s.Action, func(a string) bool { return a == action })
	}
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
