// SPDX-License-Identifier: Apache-2.0

package undo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// StateDirectory is where this program keeps what outlives it, undo copies among it, as an absolute path. An
// unprivileged user has one of their own. It may have key material in it, and so is never looked for in the current
// directory, whatever HOME says: a HOME that is empty, relative or another user's, as sudo and containers leave it, is
// that of /etc/passwd; without that it goes where the user's programs keep what ends with the session.
func StateDirectory() string {
	if dir := os.Getenv("ORTHRUS_STATE_DIR"); dir != "" {
		return absolute(dir)
	}
	if os.Geteuid() == 0 {
		return "/var/lib/orthrus"
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "orthrus")
	}
	uid := fmt.Sprint(os.Geteuid())
	passwd, _ := os.ReadFile("/etc/passwd") // without it there is no home to be known
	for _, home := range []string{os.Getenv("HOME"), homeOf(uid, string(passwd))} {
		dir := filepath.Join(home, ".local/state/orthrus")
		if filepath.IsAbs(home) && unix.Access(dir, unix.X_OK) != unix.EACCES {
			return dir
		}
	}
	return filepath.Join("/run/user", uid, "orthrus")
}

// absolute is a path that somebody named; without a current directory it stays as it is.
func absolute(path string) string {
	if whole, err := filepath.Abs(path); err == nil {
		return whole
	}
	return path
}

// homeOf is what passwd(5) says of a user's home; empty where it does not.
func homeOf(uid, passwd string) string {
	for line := range strings.Lines(passwd) {
		if f := strings.Split(strings.TrimSpace(line), ":"); len(f) == 7 && f[2] == uid {
			return f[5]
		}
	}
	return ""
}

// FolderError says that a folder for copies cannot be made. It does not wrap the cause: what is not allowed there says
// nothing of the device.
type FolderError struct {
	Folder string
	Err    error
}

func (e *FolderError) Error() string {
	return fmt.Sprintf("the folder %s cannot be made: %v", e.Folder, e.Err)
}

// makeFolder makes one for the user alone: a FolderError.
func makeFolder(dir string) error {
	err := os.MkdirAll(dir, 0o700)
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	if err != nil {
		return &FolderError{dir, err}
	}
	return nil
}
