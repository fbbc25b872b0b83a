// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"golang.org/x/sys/unix"
)

// AgentDirectory is where the agents of systemd's ask-password protocol look for questions.
const AgentDirectory = "/run/systemd/ask-password"

// Agents asks by systemd's protocol: a file describes the question, an agent sends the answer to the
// socket that the file names.
type Agents struct {
	Directory string // AgentDirectory
}

// Name is what messages call this way.
func (a Agents) Name() string { return "a password agent" }

// Say does nothing: agents show questions only.
func (a Agents) Say(string) {}

// Ask puts the question up and takes it down again.
func (a Agents) Ask(ctx context.Context, q Question) (answer *secret.Buffer, err error) {
	if err := os.MkdirAll(a.Directory, 0o755); err != nil {
		return nil, errors.Join(ErrUnavailable, err)
	}
	fd, socket, err := a.listen()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unix.Close(fd), os.Remove(socket)) }()
	file, err := a.publish(q, socket)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.Remove(file)) }()
	w, err := ui.NewWaiter(ctx, fd)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	return receive(w, fd)
}

// listen makes the socket, a name of which nobody else has.
func (a Agents) listen() (fd int, path string, err error) {
	fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, "", fmt.Errorf("socket: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, unix.Close(fd))
		}
	}()
	path = filepath.Join(a.Directory, fmt.Sprintf("sck.%d.%d", os.Getpid(), time.Now().UnixNano()))
	if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PASSCRED, 1); err != nil {
		return fd, path, fmt.Errorf("socket: %w", err)
	}
	if err = unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return fd, path, fmt.Errorf("binding %s: %w", path, err)
	}
	return fd, path, os.Chmod(path, 0o600)
}

// publish writes the question under another name first, since agents read ask.* as soon as it is there.
func (a Agents) publish(q Question, socket string) (path string, err error) {
	f, err := os.CreateTemp(a.Directory, "tmp.")
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, writeErr := f.WriteString(q.ini(os.Getpid(), socket))
	if err := errors.Join(writeErr, f.Chmod(0o644), f.Close()); err != nil {
		return "", err
	}
	path = filepath.Join(a.Directory, "ask."+strings.TrimPrefix(filepath.Base(f.Name()), "tmp."))
	return path, os.Rename(f.Name(), path)
}

// ini is the description of a question.
func (q Question) ini(pid int, socket string) string {
	notAfter := uint64(0)
	if !q.Deadline.IsZero() {
		var now unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err == nil {
			notAfter = uint64(max(now.Nano()/1000+time.Until(q.Deadline).Microseconds(), 1))
		}
	}
	flag := map[bool]int{true: 1}
	return fmt.Sprintf("[Ask]\nPID=%d\nSocket=%s\nAcceptCached=%d\nEcho=%d\nSilent=%d\nNotAfter=%d\nMessage=%s:\nIcon=drive-harddisk\nId=%s\n",
		pid, socket, flag[q.Cached], flag[q.Echo == Visible], flag[q.Echo == Hidden], notAfter, escaped(q.Title),
		printable(q.ID))
}

// escaped writes text as a value of the file, in which backslashes begin escapes.
func escaped(text string) string { return strings.ReplaceAll(printable(text), `\`, `\\`) }

// receive takes the first datagram of a process of root or of our own user: "+" and the passphrases,
// separated by NUL, or "-" for none.
func receive(w *ui.Waiter, fd int) (*secret.Buffer, error) {
	data, err := secret.New(MaxPassphrase + 2)
	if err != nil {
		return nil, err
	}
	for {
		n, err := receiveFrom(w, fd, data.Bytes())
		if err != nil {
			return nil, errors.Join(err, data.Close())
		}
		switch {
		case n > 0 && data.Bytes()[0] == '-':
			return nil, errors.Join(ErrDeclined, data.Close())
		case n > 0 && data.Bytes()[0] == '+':
			answer, err := firstOf(data.Bytes()[1:n])
			return answer, errors.Join(err, data.Close())
		}
		secret.Wipe(data.Bytes())
	}
}

// receiveFrom returns 0 for what is not to be believed or was too long.
func receiveFrom(w *ui.Waiter, fd int, p []byte) (int, error) {
	if err := w.Wait(time.Time{}); err != nil {
		return 0, err
	}
	control := make([]byte, unix.CmsgSpace(unix.SizeofUcred))
	n, controls, flags, _, err := unix.Recvmsg(fd, p, control, unix.MSG_DONTWAIT)
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return 0, nil
	case err != nil:
		return 0, err
	case flags&unix.MSG_TRUNC != 0, !believed(control[:controls]):
		return 0, nil
	}
	return n, nil
}

func believed(control []byte) bool {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return false
	}
	for _, m := range messages {
		if from, err := unix.ParseUnixCredentials(&m); err == nil {
			return from.Uid == 0 || int(from.Uid) == os.Geteuid()
		}
	}
	return false
}

// firstOf copies the first of passphrases separated by NUL.
func firstOf(p []byte) (*secret.Buffer, error) {
	for i, b := range p {
		if b == 0 {
			return secret.Copy(p[:i])
		}
	}
	return secret.Copy(p)
}
