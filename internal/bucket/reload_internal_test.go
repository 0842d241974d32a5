package bucket

import (
	"io"
	"log/slog"
	"strings"
	"testing"
)

// closeCounter counts how often it is closed.
type closeCounter struct {
	Bucket
	closed int
}

func (c *closeCounter) Close() error {
	c.closed++
	return nil
}

// TestVersionClosesAfterItsUsers: a version that was replaced stays open for
// whoever still reads from it, and is closed once.
func TestVersionClosesAfterItsUsers(t *testing.T) {
	memory := NewMemory()
	if _, err := memory.Put(t.Context(), "k", strings.NewReader("x"), 1, Condition{}); err != nil {
		t.Fatal(err)
	}
	first, second, third := &closeCounter{Bucket: memory}, &closeCounter{Bucket: memory}, &closeCounter{Bucket: memory}
	r := &Reloading{deps: Deps{Logger: slog.New(slog.DiscardHandler)}, current: &version{Bucket: first}}
	var readers []io.ReadCloser
	for range 2 {
		body, _, err := r.Get(t.Context(), "k")
		if err != nil {
			t.Fatal(err)
		}
		readers = append(readers, body)
	}
	r.swap(&version{Bucket: second})
	r.swap(&version{Bucket: third}) // nobody used the second
	if first.closed != 0 || second.closed != 1 || third.closed != 0 {
		t.Errorf("while read from: closed %d, %d and %d times", first.closed, second.closed, third.closed)
	}
	for i, body := range readers {
		_ = body.Close()
		_ = body.Close() // a second close is harmless
		if first.closed != i {
			t.Errorf("after %d readers of 2: closed %d times", i+1, first.closed)
		}
	}
}
