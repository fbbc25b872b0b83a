// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/unixsocket"
	"golang.org/x/sys/unix"
)

// notifier speaks to the service manager (sd_notify(3)); the zero value to nobody.
type notifier struct{ socket string }

// systemNotifier takes over NOTIFY_SOCKET.
func systemNotifier() notifier { return notifier{os.Getenv("NOTIFY_SOCKET")} }

// tell sends an assignment a line. A manager that does not listen is no error.
func (n notifier) tell(state string) {
	if n.socket == "" {
		return
	}
	c, err := unixsocket.DialDatagram(n.socket)
	if err != nil {
		return
	}
	defer c.Close()
	_, _ = c.Write([]byte(state))
}

// watchdog is how often the manager wants to hear of us: half of what it allows; 0 for never.
func (n notifier) watchdog() time.Duration {
	micro, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if err != nil || micro <= 0 || n.socket == "" {
		return 0
	}
	if pid := os.Getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0
	}
	return time.Duration(micro) * time.Microsecond / 2
}

// reloading announces a reload, with the time that systemd compares.
func reloading() string {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	return fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", now.Nano()/1000)
}
