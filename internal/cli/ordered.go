package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// orderedRows reads a JSON object of rows in the order it was written, which
// is the order the server sorted.
type orderedRows[T any] []T

// UnmarshalJSON implements json.Unmarshaler.
func (o *orderedRows[T]) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("want an object of rows, found %v: %w", t, err)
	}
	for d.More() {
		if _, err := d.Token(); err != nil { // the name; rows carry it too
			return err
		}
		var row T
		if err := d.Decode(&row); err != nil {
			return err
		}
		*o = append(*o, row)
	}
	return nil
}

// keyedRows reads asset rows with the keys they stand under.
type keyedRows []assetRow

// UnmarshalJSON implements json.Unmarshaler.
func (o *keyedRows) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("want an object of assets, found %v: %w", t, err)
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		var row assetRow
		if err := d.Decode(&row); err != nil {
			return err
		}
		row.Key, _ = key.(string) // keys of objects are strings
		*o = append(*o, row)
	}
	return nil
}
