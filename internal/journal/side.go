package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
)

// side are the files beside a journal: NAME.stop and NAME.lock. They are
// written and removed only where they carry our mark.
type side struct {
	folder *os.Root
	name   string
}

func (s side) stopName() string { return s.name + ".stop" }
func (s side) lockName() string { return s.name + ".lock" }

const (
	// stopMark is the content of NAME.stop; the last release left it empty.
	stopMark = "lambda-rollout: stop\n"
	// lockMark begins NAME.lock.
	lockMark = `{"lambda-rollout":"lock"`
	// holderSize is the size of the part of NAME.lock that says who holds the
	// journal. It is overwritten in place, which needs no space. The reserve
	// follows.
	holderSize = 512
)

// reserveFor is how many bytes the records of a rollback need at most: about ten
// of at most 1.5 kB for each Target, and those of the run itself.
func reserveFor(targets int) int { return 8<<10 + targets*16<<10 }

// owner is the first line of NAME.lock.
type owner struct {
	Mark string `json:"lambda-rollout"`
	Holder
}

// hold writes to NAME.lock who holds the journal, and reserves space in the rest
// of that file. Space that was reserved before stays reserved.
func (s side) hold(by Holder, reserve int) error {
	text, err := json.Marshal(owner{"lock", by})
	if err != nil {
		return err
	}
	if len(text) >= holderSize {
		return fmt.Errorf("the name of the host is too long: %s", by.Host)
	}
	line := append(text, bytes.Repeat([]byte{' '}, holderSize-1-len(text))...)
	if err := s.ours(s.lockName(), lockMark); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := openRegular(s.folder, s.lockName(), os.O_RDWR|os.O_CREATE)
	if err != nil {
		return noSpace(err)
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	size := info.Size()
	if err := writeLock(file, append(line, '\n'), size, reserve); err != nil {
		// What was reserved before is kept; a file that was made now goes.
		undo := file.Truncate(size)
		if size == 0 {
			undo = s.folder.Remove(s.lockName())
		}
		return errors.Join(noSpace(err), undo, file.Close())
	}
	return file.Close()
}

// writeLock writes over the holder of a lock file of some size and makes the rest
// of it as large as the reserve.
func writeLock(file *os.File, line []byte, size int64, reserve int) error {
	if _, err := file.WriteAt(line, 0); err != nil {
		return err
	}
	size = max(size, holderSize)
	if missing := holderSize + reserve - int(size); missing > 0 {
		if _, err := io.CopyN(io.NewOffsetWriter(file, size), newFiller(), int64(missing)); err != nil {
			return err
		}
	}
	return file.Sync()
}

// filler is text without end that a file system cannot store in fewer blocks.
type filler struct{ random *rand.ChaCha8 }

func newFiller() filler { return filler{rand.NewChaCha8([32]byte{})} }

// Read fills p. It never fails.
func (f filler) Read(p []byte) (int, error) {
	_, _ = f.random.Read(p) // it never fails
	for i, b := range p {
		p[i] = fillerText[b%64]
	}
	return len(p), nil
}

// fillerText are the letters of base64.
const fillerText = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// holder reads who holds the journal; a zero Holder where nobody said so.
func (s side) holder() Holder {
	file, err := openRegular(s.folder, s.lockName(), os.O_RDONLY)
	if err != nil {
		return Holder{}
	}
	defer file.Close()
	line := make([]byte, holderSize)
	n, _ := file.ReadAt(line, 0)
	var o owner
	if json.Unmarshal(line[:n], &o) != nil {
		return Holder{}
	}
	return o.Holder
}

// freeReserve frees the reserved space and reports whether there was any.
func (s side) freeReserve() bool {
	if s.ours(s.lockName(), lockMark) != nil {
		return false
	}
	file, err := openRegular(s.folder, s.lockName(), os.O_RDWR)
	if err != nil {
		return false
	}
	defer file.Close()
	info, err := file.Stat()
	return err == nil && info.Size() > holderSize && file.Truncate(holderSize) == nil
}

// remove removes NAME.lock.
func (s side) remove() error { return s.removeOurs(s.lockName(), lockMark) }

// stop leaves the mark that asks the holder to stop. It matters that the file
// exists: on a full disk it may stay empty.
func (s side) stop() error {
	if err := s.ours(s.stopName(), stopMark); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := openRegular(s.folder, s.stopName(), os.O_WRONLY|os.O_CREATE)
	if errors.Is(noSpace(err), ErrNoSpace) && s.freeReserve() {
		file, err = openRegular(s.folder, s.stopName(), os.O_WRONLY|os.O_CREATE)
	}
	if err != nil {
		return err
	}
	_, err = file.WriteString(stopMark)
	if errors.Is(noSpace(err), ErrNoSpace) {
		err = file.Truncate(0)
	}
	return errors.Join(err, file.Close())
}

func (s side) stopped() bool {
	_, err := s.folder.Lstat(s.stopName())
	return err == nil
}

// withdrawStop removes NAME.stop: whoever begins or takes over owns the run.
func (s side) withdrawStop() error { return s.removeOurs(s.stopName(), stopMark) }

func (s side) removeOurs(name, mark string) error {
	err := s.ours(name, mark)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.folder.Remove(name)
}

// ours returns an error for a side file of somebody else: one that is neither
// empty nor begins with the mark.
func (s side) ours(name, mark string) error {
	file, err := openRegular(s.folder, name, os.O_RDONLY)
	if err != nil {
		return err
	}
	content := make([]byte, len(mark))
	n, _ := file.ReadAt(content, 0)
	if err := file.Close(); err != nil {
		return err
	}
	if !strings.HasPrefix(mark, string(content[:n])) {
		return fmt.Errorf("%s is not a file of lambda-rollout and is not changed; remove it, or name another journal", file.Name())
	}
	return nil
}
