package query

import (
	"container/list"
	"sync"
)

// answerCache keeps the last answers within a bound of bytes, as estimated by
// those who put them. It is safe for concurrent use.
type answerCache struct {
	mu    sync.Mutex
	limit int64
	used  int64
	order *list.List // of *cached, most recently used first
	byKey map[string]*list.Element
}

type cached struct {
	key   string
	value any
	bytes int64
}

func newAnswerCache(limit int64) *answerCache {
	return &answerCache{limit: limit, order: list.New(), byKey: map[string]*list.Element{}}
}

func (c *answerCache) get(key string) (any, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	el, ok := c.byKey[key]
	if !ok {
		return nil, false
	}
	c.order.MoveToFront(el)
	return el.Value.(*cached).value, true
}

// put keeps a value unless it would take more than a quarter of the bound.
func (c *answerCache) put(key string, value any, bytes int64) {
	bytes += int64(len(key)) + 256
	if bytes > c.limit/4 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if el, ok := c.byKey[key]; ok {
		c.remove(el)
	}
	c.byKey[key] = c.order.PushFront(&cached{key, value, bytes})
	c.used += bytes
	for c.used > c.limit {
		c.remove(c.order.Back())
	}
}

func (c *answerCache) remove(el *list.Element) {
	item := c.order.Remove(el).(*cached)
	delete(c.byKey, item.key)
	c.used -= item.bytes
}
