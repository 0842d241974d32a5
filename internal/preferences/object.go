package preferences

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

type member struct {
	key   string
	value json.RawMessage
}

// readObject reads the members of a JSON object in order, doubles included;
// encoding/json would silently take the last.
func readObject(text []byte) ([]member, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	switch t, err := dec.Token(); {
	case errors.Is(err, io.EOF):
		return nil, errors.New("is empty")
	case err != nil:
		return nil, fmt.Errorf("is no JSON: %w", err)
	case t != json.Delim('{'):
		return nil, errors.New("is no object")
	}
	var out []member
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("is no JSON: %w", err)
		}
		m := member{key: fmt.Sprint(t)}
		if err := dec.Decode(&m.value); err != nil {
			return nil, fmt.Errorf("is no JSON: %w", err)
		}
		out = append(out, m)
	}
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("is no JSON: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("goes on after its end")
	}
	return out, nil
}
