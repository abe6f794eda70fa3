package event

import "time"

// Planned is emitted for each target before the first change: how many steps its
// deployment takes.
type Planned struct {
	Steps int
}

// AliasesMoved is emitted when the aliases of several targets have moved, as far as
// one stage of the traffic goes. Within is the time from the first move to the last:
// callers could meet a mix of old and new versions for so long.
type AliasesMoved struct {
	Aliases int
	Within  time.Duration
}

// WaveBegan is emitted before a wave of targets begins, where there are several.
type WaveBegan struct {
	Number, Of int
	Targets    []Target
}

// RollbackLimited is emitted when the rollback of a run begins. Within is the time
// that it has: what is left then stays in the journal.
type RollbackLimited struct {
	Within time.Duration
}

// Tick is emitted every few seconds while many targets are worked on.
type Tick struct{}

func (Planned) sealed()         {}
func (AliasesMoved) sealed()    {}
func (WaveBegan) sealed()       {}
func (RollbackLimited) sealed() {}
func (Tick) sealed()            {}
