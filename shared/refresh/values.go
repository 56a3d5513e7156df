package refresh

import (
	"context"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// Values keeps a [Value] for each of the keys that were asked for last. It is
// safe for concurrent use.
type Values[K comparable, V any] struct {
	rules Rules
	load  func(context.Context, K) (V, time.Duration, error)
	// values has an entry also for a key whose loads failed: loads of one key
	// must find each other before there is anything to keep. An entry that was
	// removed during a load takes what that load brings with it.
	values *lru.Cache[K, *Value[V]]
}

// NewValues makes an empty Values for at most size keys. It panics if size is
// below 1, which is a fault of the program.
func NewValues[K comparable, V any](size int, rules Rules, load func(context.Context, K) (V, time.Duration, error)) *Values[K, V] {
	values, err := lru.New[K, *Value[V]](size)
	if err != nil {
		panic(err)
	}
	return &Values[K, V]{rules: rules, load: load, values: values}
}

// Get is [Value.Get] for the key.
func (v *Values[K, V]) Get(ctx context.Context, key K) (V, error) {
	return v.of(key).Get(ctx, &v.rules, v.loadOf(key))
}

// Now is [Value.Now] for the key.
func (v *Values[K, V]) Now(ctx context.Context, key K) (V, error) {
	return v.of(key).Now(ctx, &v.rules, v.loadOf(key))
}

// State says what may be done at this moment with what is known of the key.
func (v *Values[K, V]) State(key K) State {
	known, ok := v.values.Peek(key)
	if !ok {
		return Absent
	}
	_, state := known.Peek(v.rules.Now())
	return state
}

// Forget drops what is known of the key. No load that began before is kept, or
// answered to calls that come after.
func (v *Values[K, V]) Forget(key K) { v.values.Remove(key) }

// of is the key's value, made empty if there is none.
func (v *Values[K, V]) of(key K) *Value[V] {
	if known, ok := v.values.Get(key); ok {
		return known
	}
	empty := &Value[V]{}
	if known, ok, _ := v.values.PeekOrAdd(key, empty); ok {
		return known
	}
	return empty
}

func (v *Values[K, V]) loadOf(key K) Load[V] {
	return func(ctx context.Context) (V, time.Duration, error) { return v.load(ctx, key) }
}
