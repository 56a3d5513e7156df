package seats

import "sync"

// parallel does pieces of work beside each other, a few at a time. After a first
// failure no more are begun.
type parallel struct {
	room chan struct{}
	work sync.WaitGroup

	mu  sync.Mutex
	err error
}

func newParallel(atOnce int) *parallel { return &parallel{room: make(chan struct{}, atOnce)} }

// do begins a piece of work once there is room. With room for one it is done before do returns.
func (p *parallel) do(piece func() error) {
	if p.failed() != nil {
		return
	}
	if cap(p.room) == 1 {
		p.fail(piece())
		return
	}
	p.room <- struct{}{}
	p.work.Go(func() {
		defer func() { <-p.room }()
		p.fail(piece())
	})
}

func (p *parallel) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
	}
}

func (p *parallel) failed() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// wait waits for all that was begun and answers the first failure.
func (p *parallel) wait() error {
	p.work.Wait()
	return p.failed()
}
