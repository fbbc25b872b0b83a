// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/device"
	"github.com/orthrus-luks/orthrus/cmd/internal/initramfs"
	"github.com/orthrus-luks/orthrus/cmd/internal/kmod"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/keyring"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/activate"
	"github.com/orthrus-luks/orthrus/luks/commit"
	converting "github.com/orthrus-luks/orthrus/luks/convert"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/foreign/bitlk"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"golang.org/x/sys/unix"
)

// The exit codes of check beyond those of other verbs.
const (
	Healable ui.ExitCode = 6 // damaged or at risk, the volume still opens
	Lost     ui.ExitCode = 7 // what is left does not open the volume
)

// said is what a person is told about an error: a line that names the thing, a line with the way
// out where there is one, and the exit code for scripts.
type said struct {
	Lines []string
	Code  ui.ExitCode
}

// Notice is an error that is told in these words.
type Notice struct {
	Text string
	Own  string // the same under our own name, where it says more than scripts expect; or ""
	Code ui.ExitCode
	Err  error // cause, or nil
}

func (n *Notice) Error() string { return n.Text }

func (n *Notice) Unwrap() error { return n.Err }

// Failure is an error that is told in these words.
// Many call it; inlined in all of them it would be large.
//
//go:noinline
func Failure(code ui.ExitCode, format string, args ...any) error {
	return &Notice{Text: fmt.Sprintf(format, args...), Code: code}
}

// Silent ends the run with an exit code and no words.
func Silent(code ui.ExitCode) error { return &Notice{Code: code} }

// codes maps kinds of errors to exit codes where their errno does not say enough.
var codes = []ui.Kind{
	{Is: luks.ErrMeanwhile, Code: ui.Failed},
	{Is: luks.ErrPassphrase, Code: ui.Denied},
	{Is: luks.ErrVolumeKey, Code: ui.Denied},
	{Is: ui.ErrMismatch, Code: ui.Denied},
	{Is: luks.ErrNoUsableKeyslot, Code: ui.Failed},
	{Is: luks.ErrKeyslotInactive, Code: ui.Failed},
	{Is: luks.ErrNotLUKS, Code: ui.Failed},
	{Is: header.ErrNoHeader, Code: ui.Failed},
	{Is: luks2.ErrRequirements, Code: ui.Failed},
	{Is: kdf.ErrMemory, Code: ui.NoMemory},
	{Is: kdf.ErrCost, Code: ui.Failed},
	{Is: block.ErrNotBlock, Code: ui.NoDevice},
	{Is: block.ErrBusy, Code: ui.InUse},
	{Is: dm.ErrExists, Code: ui.InUse},
	{Is: dm.ErrBusy, Code: ui.InUse},
	{Is: dm.ErrNotFound, Code: ui.NoDevice},
	{Is: dm.ErrNoDeviceMapper, Code: ui.Failed},
	{Is: dm.ErrUnknownTarget, Code: ui.Failed},
	{Is: dm.ErrUnknownCipher, Code: ui.Failed},
	{Is: activate.ErrTooSmall, Code: ui.Failed},
	{Is: activate.ErrSuspended, Code: ui.Failed},
	{Is: activate.ErrUnconfirmed, Code: ui.Failed},
	{Is: dm.ErrFlag, Code: ui.Failed},
	{Is: context.Canceled, Code: ui.Failed},
	{Is: device.ErrMissing, Code: ui.NoDevice},
}

// fixed are the errors whose words scripts look for.
var fixed = []struct {
	is   error
	text string
}{
	{luks.ErrPassphrase, "No key available with this passphrase."},
	{luks.ErrNoUsableKeyslot, "No usable keyslot is available."},
	{luks.ErrVolumeKey, "Volume key does not match the volume."},
	{luks2.ErrRequirements, "Operation incompatible with device marked for requirements this version does not meet."},
	{dm.ErrNoDeviceMapper, "Cannot initialize device-mapper. Is dm_mod kernel module loaded?"},
	{context.Canceled, "Interrupted."},
}

// advice names the way out of an error, for the person at the keyboard: the next command, with
// {program} and {device} for what this run was called by and about.
var advice = []struct {
	is   error
	text string
}{
	{dm.ErrNoDeviceMapper, "Load the kernel module dm_mod (modprobe dm_mod), or use a kernel that has the " +
		"device-mapper."},
	{dm.ErrPermission, "Mapping devices needs root: sudo {program} …"},
	{dm.ErrUnknownTarget, "Load the kernel module dm_crypt (modprobe dm_crypt)."},
	{activate.ErrSuspended, "It is suspended: {program} luksResume gives it its key back."},
	{dm.ErrFlag, "Leave the option out, or use a newer kernel."},
	{dm.ErrUnknownCipher, "The kernel lacks a module for this cipher; see /proc/crypto for what it has."},
	{kdf.ErrCost, "A header that somebody tampered with can ask for this; if you trust it, add --allow-high-cost."},
	{kdf.ErrMemory, "Free some memory or add swap; where there is more: {program} luksAddKey --pbkdf-memory 65536 " +
		"{device}"},
	{header.ErrUnreadable, "Try again; if the read error stays, give the copy up that cannot be read: {program} " +
		"repair --choose primary {device} (or --choose secondary keeps that one)"},
	{header.ErrConflict, "See both copies: {program} check {device}; then keep one of them: {program} repair " +
		"--choose primary {device} (or --choose secondary)"},
	{header.ErrForeign, "If the device is still LUKS, put the good copy over the damaged one: {program} repair " +
		"{device}"},
	{commit.ErrReadBack, "The device lost a write: do not trust it, and copy the header elsewhere: {program} " +
		"luksHeaderBackup --header-backup-file FILE {device}"},
	{commit.ErrInForce, "Once the device takes writes again, {program} repair {device} makes both header copies say " +
		"so; with --wipe-free it overwrites key material that may be left, too."},
	{far.ErrRestored, "It keeps every passphrase of its time. If the header on the device counts, wipe it: {program} " +
		"far disable --forget-newer {device}. If the newer one is to come back, with passphrases that were taken " +
		"away since, cut the body out with dd and give it to luksHeaderRestore."},
	{far.ErrLastCopy, "Bring it back to its place first: {program} repair {device}"},
	{far.ErrCovered, "Close the mapping and try again, or let it be made shorter: {program} far sync {device}"},
	{luks.ErrFarLeft, "It may hold key material: once it is certain that nothing else lies there, overwrite it. " +
		"Repeat the command where the reason passes; what was forgotten it does not find."},
	{far.ErrDisplaced, "What lies there is left alone. To forget it: {program} far disable {device}; far enable " +
		"makes a new one where the room is proven free."},
	{far.ErrCutOff, "Give the device its size back; data may be missing too: {program} check {device}. If that " +
		"cannot be, forget the far header, and how long the data were: {program} far disable {device}. Should the " +
		"device grow back, far sync wipes what is left."},
	{luks.ErrFarUUID, "Try again; where the far header stays unreadable, give it up first: {program} far disable " +
		"{device}"},
	{luks.ErrNoFarRoom, "Make the file system inside smaller first; a far header takes as much as header and " +
		"keyslots together, and up to 3 MiB around it."},
	{bitlk.ErrUnfinished, "Let Windows finish it (manage-bde -status shows how far it is); until then no other " +
		"program can read it."},
	{bitlk.ErrTampered, "The key is right, and what the metadata say of the data is not sure: it opens with " +
		"--readonly."},
	{bitlk.ErrNoProtector, "What opens it is a TPM or a smart card. Under Windows a recovery password can be added: " +
		"manage-bde -protectors -add VOLUME: -recoverypassword"},
	{unix.ENOSPC, "Free some space on the file system that holds the file."},
	{initramfs.ErrKeyFile, "Use --include-keys if the key may be in the image, or unlock the volume by a passphrase."},
	{kmod.ErrCompressed, "Install the program that reads this compression: xz, zstd."},
	{kmod.ErrNoModule, "The lists that depmod writes in /lib/modules know no module of that name."},
	{converting.ErrNoRoom, "Remove a keyslot that is no longer needed: {program} luksKillSlot {device} SLOT"},
	{luks.ErrLastKey, "Nothing was changed. To make the volume unusable for good: {program} erase {device}"},
	{luks.ErrMeanwhile, "Nothing was changed. Look at the volume as it is now ({program} luksDump {device}), then " +
		"try again."},
	{luks2.ErrNoRoom, "Remove a keyslot or token that is no longer needed: {program} luksDump {device}, {program} " +
		"luksKillSlot {device} SLOT, {program} token remove --token-id ID {device}"},
}

// Explain finds words and exit code for an error.
func Explain(err error) said {
	s := said{Code: ui.CodeOf(err, codes...)}
	text := ""
	var n *Notice
	if errors.As(err, &n) {
		s.Code, text = n.Code, n.Text
	} else {
		text = Sentence(err)
	}
	if text == "" {
		return s
	}
	s.Lines = []string{text}
	for _, a := range advice {
		if errors.Is(err, a.is) {
			s.Lines = append(s.Lines, a.text)
			break
		}
	}
	return s
}

// Sentence is the one line on an error.
func Sentence(err error) string {
	var declined *ui.DeclinedError
	if errors.As(err, &declined) {
		return declined.Error()
	}
	if text := bootSentence(err); text != "" {
		return text
	}
	var keyslot *luks.KeyslotError
	if errors.As(err, &keyslot) {
		if text := keyslotSentence(keyslot); text != "" {
			return text
		}
	}
	var state *activate.StateError
	if errors.As(err, &state) {
		return stateSentence(state)
	}
	for _, f := range fixed {
		if errors.Is(err, f.is) {
			return f.text
		}
	}
	text := OneLine(err)
	return strings.ToUpper(text[:1]) + text[1:]
}

// stateSentence is about a mapping that is left as it is. That a suspended one is called not active is
// what scripts look for.
func stateSentence(e *activate.StateError) string {
	switch {
	case errors.Is(e, activate.ErrSuspended):
		return fmt.Sprintf("Device %s is not active.", e.Name)
	case errors.Is(e, activate.ErrUnconfirmed):
		return fmt.Sprintf("The key in the table of %s is not the volume's; nothing was loaded.", e.Name)
	}
	return OneLine(e)
}

// keyslotSentence tells apart why a keyslot could not even be tried.
func keyslotSentence(e *luks.KeyslotError) string {
	var memory *kdf.MemoryError
	var cost *kdf.CostError
	switch {
	case errors.As(e, &memory):
		return fmt.Sprintf("Not enough memory to open keyslot %d: it needs %d MiB, %d MiB are available, %d MiB "+
			"are missing.",
			e.Keyslot, mebibytes(memory.Needed), memory.Available>>20, memory.Missing()>>20)
	case errors.As(e, &cost):
		return fmt.Sprintf("Keyslot %d asks for a key derivation of %d %s, more than any sane header does (at most "+
			"%d).", e.Keyslot, cost.Value, cost.Cost, cost.Max)
	}
	return ""
}

// mebibytes rounds up.
func mebibytes(n uint64) uint64 { return (n + 1<<20 - 1) >> 20 }

// OneLine joins the lines of errors that several steps had.
func OneLine(err error) string { return strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ") }

// Reason is the cause alone, for a line that names the thing already.
func Reason(err error) string {
	var key *keyring.Error
	switch {
	case errors.As(err, &key) && key.Kind != nil:
		return key.Kind.Error()
	case errors.As(err, &key):
		return key.Errno.Error()
	}
	return OneLine(err)
}

// geometrySentence says which size or place cannot be.
func geometrySentence(path string, e *luks.GeometryError) string {
	switch e.What {
	case "device":
		return fmt.Sprintf("Device %s is too small: %s.", path, e.Why)
	case "metadata size", "keyslots size":
		return fmt.Sprintf("Unsupported LUKS2 metadata size options: %s %s.", e.What, e.Why)
	case "label":
		return "Label is too long: " + e.Why + "."
	case "sectors":
		return "Device size is not aligned to requested sector size."
	case "sector size":
		return "Unsupported encryption sector size."
	}
	return fmt.Sprintf("Device %s: %s: %s.", path, e.What, e.Why)
}

// DeviceError puts what went wrong with a device that the user named into cryptsetup's words.
func DeviceError(path string, err error) error {
	told := func(code ui.ExitCode, format string) error {
		return &Notice{Text: fmt.Sprintf(format, path), Code: code, Err: err}
	}
	var none *header.NoHeaderError
	var impossible *luks.GeometryError
	var field *luks1.FieldError
	var conversion *converting.Error
	var said *Notice
	switch {
	case err == nil, errors.As(err, &said):
		return err
	case errors.Is(err, block.ErrNoLoop):
		return told(ui.Failed, "Cannot use file %s as a device: load the kernel module loop (modprobe loop).")
	case errors.Is(err, fs.ErrPermission) && unix.Access(path, unix.R_OK) == nil:
		return told(ui.Failed, "Cannot write to device %s, permission denied.")
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		n := &Notice{Code: ui.NoDevice, Err: err, Own: fmt.Sprintf("Device %s does not exist.", path)}
		if errors.Is(err, fs.ErrPermission) {
			n.Own = fmt.Sprintf("Access to %s is denied.", path)
		}
		n.Text = fmt.Sprintf("Device %s does not exist or access denied.", path)
		return n
	case errors.Is(err, block.ErrNotBlock):
		return told(ui.NoDevice, "Device %s is not compatible.")
	case errors.Is(err, block.ErrReadOnly):
		return told(ui.Failed, "Device %s is read-only.")
	case errors.Is(err, block.ErrBusy):
		text := "Cannot use device " + path + " which is in use (already mapped or mounted)." + HeldBy(path)
		return &Notice{Text: text, Code: ui.InUse, Err: err}
	case errors.Is(err, luks.ErrNotLUKS):
		return told(ui.Failed, "Device %s is not a valid LUKS device.")
	case errors.As(err, &impossible):
		return &Notice{Text: geometrySentence(path, impossible), Code: ui.Failed, Err: err}
	case errors.As(err, &conversion):
		return &Notice{
			Text: strings.ToUpper(conversion.Error()[:1]) + conversion.Error()[1:] + ".", Code: ui.Failed,
			Err: err,
		}
	case errors.As(err, &field):
		return &Notice{Text: fmt.Sprintf("Device %s: %v.", path, field), Code: ui.Failed, Err: err}
	case errors.As(err, &none):
		return &Notice{
			Text: fmt.Sprintf("Device %s is not a valid LUKS device: %v.", path, none), Code: ui.Failed,
			Err: err,
		}
	}
	if strings.Contains(err.Error(), path) {
		return err
	}
	return fmt.Errorf("device %s: %w", path, err)
}
