package journal

import (
	"context"
	"slices"
	"sync"
)

// Memory is a Store that lasts as long as its process, and locks nothing: processes
// that are played use it one after the other.
type Memory struct {
	name string

	mu      sync.Mutex
	content []byte
}

// NewMemory returns an empty Store.
func NewMemory(name string) *Memory { return &Memory{name: name} }

// Name implements Store.
func (m *Memory) Name() string { return m.name }

// Read implements Store.
func (m *Memory) Read(context.Context) (*RunState, error) { return parse(m.bytes()) }

func (m *Memory) bytes() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.content)
}

// Create implements Store.
func (m *Memory) Create(ctx context.Context, header []byte, _ RunState, _ Holder) error {
	old, err := m.Read(ctx)
	if err == nil {
		err = replaceable(m.name, old)
	}
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.content = slices.Clone(header)
	return nil
}

// TakeOver implements Store.
func (m *Memory) TakeOver(ctx context.Context, _ Holder) (*RunState, error) {
	state, err := m.Read(ctx)
	if err != nil || state == nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.content = m.content[:state.sound]
	return state, nil
}

// Append implements Store.
func (m *Memory) Append(_ context.Context, _ int, line []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.content = append(m.content, line...)
	return nil
}

// Ended implements Store.
func (m *Memory) Ended(context.Context, State) {}

// FreeReserve implements Store.
func (m *Memory) FreeReserve() bool { return false }

// Held implements Store: nobody else is there.
func (m *Memory) Held() (Holder, bool, error) { return Holder{}, false, nil }

// Stop implements Store.
func (m *Memory) Stop(context.Context) error { return nil }

// Stopped implements Store.
func (m *Memory) Stopped() bool { return false }

// Close implements Store.
func (m *Memory) Close() error { return nil }
