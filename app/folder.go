package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Hint is an error for the operator: what happened and what to do.
type Hint struct {
	What string
	Do   string
	Err  error // may be nil
}

func (h *Hint) Error() string {
	s := h.What
	if h.Err != nil {
		s += ": " + h.Err.Error()
	}
	return s + ". " + h.Do
}

func (h *Hint) Unwrap() error { return h.Err }

// lockFolder makes dir and takes it for this process; a second server on the
// same folder is told so. The kernel gives the lock back when the process ends.
func lockFolder(dir string) (*os.File, error) {
	if err := makeFolder(dir); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "topout.lock"), os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return nil, &Hint{What: fmt.Sprintf("the data folder %s cannot be written", dir), Do: "Check its rights, or set TOPOUT_DATA to another folder.", Err: err}
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, &Hint{What: fmt.Sprintf("another topout serve uses the data folder %s", dir), Do: "Stop it, or set TOPOUT_DATA to another folder."}
		}
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return f, nil
}

func makeFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return &Hint{What: fmt.Sprintf("the data folder %s cannot be made", dir), Do: "Check its rights, or set TOPOUT_DATA to another folder.", Err: err}
	}
	return nil
}
