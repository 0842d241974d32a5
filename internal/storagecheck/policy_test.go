package storagecheck_test

import (
	"encoding/json"
	"slices"
	"testing"
)

type statement struct {
	Sid, Effect      string
	Principal        map[string]string
	Action, Resource []string
	Condition        map[string]map[string]string `json:",omitempty"`
}

// without is a policy without one action.
func without(t *testing.T, policy, action string) string {
	t.Helper()
	var doc struct {
		Version   string
		Statement []statement
	}
	if err := json.Unmarshal([]byte(policy), &doc); err != nil {
		t.Fatal(err)
	}
	for i := range doc.Statement {
		s := &doc.Statement[i]
		s.Action = slices.DeleteFunc(s.Action, func(a string) bool { return a == action })
	}
	doc.Statement = slices.DeleteFunc(doc.Statement, func(s statement) bool { return len(s.Action) == 0 })
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
