// SPDX-License-Identifier: Apache-2.0

package initramfs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/crypttab"
)

// Remote is what an image takes that is unlocked over ssh: dropbear, ipconfig of klibc, the libraries of both, host
// keys, and the keys of those who may answer. This program has no ssh server of its own: with
// golang.org/x/crypto/ssh it would be 2.8 MB larger, and more than 1.5 MiB are not to be spent on it.
type Remote struct {
	Files               []File
	Options             []string // of dropbear, of the machine's own wish
	Modaliases, Drivers []string // of network interfaces
	Err                 error    // a *RemoteError: why it cannot be had
}

// ErrRemote is the kind of a RemoteError.
var ErrRemote = errors.New("x-orthrus.remote cannot be had")

// RemoteError says what unlocking over ssh lacks.
type RemoteError struct{ Lacks string }

func (e *RemoteError) Error() string { return "x-orthrus.remote: " + e.Lacks }

func (e *RemoteError) Unwrap() error { return ErrRemote }

// remotePrograms are where an image has a program, and where a machine may.
var remotePrograms = []struct {
	path, lacks string
	at          []string
}{
	{"/sbin/dropbear", "dropbear is not installed", []string{"/usr/sbin/dropbear", "/usr/bin/dropbear"}},
	{
		"/sbin/ipconfig", "ipconfig of klibc is not installed (klibc-utils)",
		[]string{"/usr/lib/klibc/bin/ipconfig", "/usr/lib/initcpio/ipconfig"},
	},
}

// remoteFolders are where Debian keeps what is for the image alone. The machine's own host keys are not taken: who
// can read the image has them.
var remoteFolders = []string{"/etc/dropbear/initramfs", "/etc/dropbear-initramfs"}

// The shell of the image's only user, which answers a boot and does nothing else.
const (
	remoteShell     = "/bin/cryptroot-unlock"
	remoteArguments = "/etc/dropbear/arguments"
	remoteKeys      = "/root/.ssh/authorized_keys"
)

func isRemote(l crypttab.Entry) bool { return l.Options.Remote }

// remote looks for what it takes.
func (s System) remote(ctx context.Context) (r Remote) {
	if filepath.Clean(s.Root) != "/" {
		return Remote{Err: &RemoteError{"the libraries of another system's dropbear are not known here"}}
	}
	for _, p := range remotePrograms {
		if r.Err = s.serve(ctx, &r, p.path, p.at); r.Err != nil {
			return Remote{Err: &RemoteError{p.lacks + ": " + r.Err.Error()}}
		}
	}
	if r.Err = r.configuration(ctx, remoteFolders); r.Err != nil {
		return r
	}
	r.hardware()
	return r
}

// serve takes a program and its libraries.
func (s System) serve(ctx context.Context, r *Remote, path string, at []string) error {
	i := slices.IndexFunc(at, func(file string) bool {
		_, err := os.Stat(file)
		return err == nil
	})
	if i < 0 {
		return fmt.Errorf("none of %s: %w", strings.Join(at, ", "), os.ErrNotExist)
	}
	r.Files = append(r.Files, File{Path: path, From: at[i], program: true})
	libraries, err := s.libraries(ctx, at[i])
	if err != nil {
		return err
	}
	if strings.Contains(at[i], "klibc") { // which ldd does not know
		libraries, _ = filepath.Glob("/lib/klibc-*.so")
	}
	for _, file := range libraries {
		r.Files = append(r.Files, File{Path: file, program: true})
	}
	return nil
}

// configuration takes keys and options.
func (r *Remote) configuration(ctx context.Context, folders []string) error {
	found, authorized := false, false
	for _, dir := range folders {
		keys, _ := filepath.Glob(dir + "/dropbear_*_host_key")
		for _, key := range keys {
			name := "/etc/dropbear/" + filepath.Base(key)
			r.Files, found = append(r.Files, File{Path: name, From: key, Private: true}), true
		}
		text, err := readIfThere(ctx, dir+"/authorized_keys")
		if err != nil {
			return err
		}
		if hasKey(text) {
			r.Files = append(r.Files, File{Path: remoteKeys, From: dir + "/authorized_keys", Private: true})
			authorized = true
		}
		options, err := readIfThere(ctx, dir+"/dropbear.conf")
		if err != nil {
			return err
		}
		r.Options = append(r.Options, dropbearOptions(options)...)
		if found || authorized {
			break
		}
	}
	switch dir := folders[0]; {
	case !found:
		return &RemoteError{"no host key: dropbearkey -t ed25519 -f " + dir + "/dropbear_ed25519_host_key"}
	case !authorized:
		return &RemoteError{"nobody may answer: " + dir + "/authorized_keys has no key"}
	}
	return nil
}

// hasKey tells whether a list of keys has a line that is no comment.
func hasKey(text string) bool {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return true
		}
	}
	return false
}

// dropbearOptions are those that dropbear.conf of Debian sets, as its scripts do: DROPBEAR_OPTIONS="-p 2222".
func dropbearOptions(conf string) []string {
	var options string
	for line := range strings.Lines(conf) {
		if value, found := strings.CutPrefix(strings.TrimSpace(line), "DROPBEAR_OPTIONS="); found {
			options = strings.Trim(value, `"'`)
		}
	}
	return strings.Fields(options)
}

// hardware notes the drivers of network interfaces.
func (r *Remote) hardware() {
	w := walk{facts: &Facts{}}
	devices, _ := filepath.Glob("/sys/class/net/*/device")
	for _, device := range devices {
		if dir, err := filepath.EvalSymlinks(device); err == nil {
			w.hardware(dir)
		}
	}
	r.Modaliases, r.Drivers = w.facts.Modaliases, w.facts.Drivers
}

// network is the hardware that is common, and what ipconfig speaks through.
var network = []string{
	"virtio_net", "e1000", "e1000e", "igb", "igc", "ixgbe", "r8169", "tg3", "bnx2", "vmxnet3", "hv_netvsc",
	"xen_netfront", "r8152", "ax88179_178a", "cdc_ether",
}

// serverArguments are dropbear's: keys alone, no forwarding, one command; what the machine wants comes before.
func (r Remote) serverArguments() []string {
	all := append(slices.Clone(r.Options), "-F", "-E", "-s", "-j", "-k", "-c", remoteShell)
	for _, f := range r.Files {
		if strings.HasPrefix(f.Path, "/etc/dropbear/") {
			all = append(all, "-r", f.Path)
		}
	}
	return all
}

// remoteTexts are names and contents of files that no machine has: a user whose shell is this program.
func (p Plan) remoteTexts() [][2]string {
	return [][2]string{
		{"/etc/passwd", "root:*:0:0::/root:" + remoteShell + "\n"},
		{"/etc/shells", remoteShell + "\n"},
		{"/etc/nsswitch.conf", "passwd: files\n"},
		{remoteArguments, strings.Join(p.Remote, "\n") + "\n"},
	}
}
