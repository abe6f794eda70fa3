package engine

import "github.com/lambda-rollout/lambda-rollout/internal/lambdaapi"

// sight is what a look at AWS shows of a change that got no clear answer.
type sight int

const (
	// notNeeded: the answer says enough, so nobody looks.
	notNeeded sight = iota
	// applied: AWS shows what the change was to do.
	applied
	// unchanged: AWS shows what was there before.
	unchanged
	// foreign: AWS shows something else, which is somebody else's.
	foreign
	// unreadable: AWS could not be asked.
	unreadable
)

// move is what the engine does next about a call that failed.
type move int

const (
	// stop: report the error.
	stop move = iota
	// done: the call took effect after all.
	done
	// retry: send it again after a pause.
	retry
	// waitOut: wait for the update that is under way, then send it again; stop
	// where there is none, since a conflict then stays.
	waitOut
	// giveWay: report that somebody else is at work.
	giveWay
)

// decisions holds the next move for each class of error and for what a look
// shows. A class whose row has notNeeded is decided without a look.
var decisions = map[lambdaapi.Class]map[sight]move{
	lambdaapi.Refused:  {notNeeded: stop},
	lambdaapi.Denied:   {notNeeded: stop},
	lambdaapi.NotFound: {notNeeded: stop},
	lambdaapi.Stopped:  {notNeeded: stop},
	// AWS says that nothing changed, and that time helps.
	lambdaapi.Throttled:   {notNeeded: retry},
	lambdaapi.Propagating: {notNeeded: retry},
	// 409: an update is under way, or the name is taken, perhaps by an earlier
	// copy of this very call.
	lambdaapi.Conflict: {applied: done, unchanged: waitOut, foreign: giveWay, unreadable: retry},
	// 412: the RevisionId moved, by itself, by a lost copy of this call or by
	// somebody else.
	lambdaapi.Stale: {applied: done, unchanged: retry, foreign: giveWay, unreadable: retry},
	// No answer, or none to this call. Without a look it must not go out again.
	lambdaapi.Unknown: {applied: done, unchanged: retry, foreign: giveWay, unreadable: stop},
}
