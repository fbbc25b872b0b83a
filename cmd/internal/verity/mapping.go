// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/orthrus-luks/orthrus/cmd/internal/setup"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/keyring"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/dm/verity"
)

// openMapping maps an image. The top of the tree is compared with the root hash before the kernel is asked, which
// does it at the first read only.
func (r *run) openMapping(ctx context.Context) error {
	if err := r.needRoot(3); err != nil {
		return err
	}
	im, err := r.load(r.args[0], r.args[2])
	if err != nil {
		return err
	}
	defer im.close()
	root, err := r.root(3, im.DigestSize())
	if err != nil {
		return err
	}
	if err := r.checkTop(im, root); err != nil {
		return err
	}
	control, err := setup.Control()
	if err != nil {
		return err
	}
	defer control.Close()
	if _, err := control.Status(r.args[1]); err == nil {
		return setup.Failure(ui.InUse, "Device %s already exists.", r.args[1])
	}
	if err := r.checkVersion(control); err != nil {
		return err
	}
	return r.activate(ctx, control, im, root)
}

// checkTop finds a wrong root hash before anything is mapped. Corruption that the kernel is to ignore, or can repair,
// or has orders for, is left to it.
func (r *run) checkTop(im *image, root []byte) error {
	if im.fec != nil || r.ignoreCorruption || r.restartOnCorruption || r.panicOnCorruption {
		return nil
	}
	if _, err := verity.NewReader(im.verity(r), root); err != nil {
		return setup.Because(ui.Failed, "Verification of root hash failed.", err)
	}
	return nil
}

// feature is an option of the table, and the first version of the kernel's target that knows it.
type feature struct {
	long   string // of the command line
	wanted bool
	option string
	major  uint32
	minor  uint32
	kernel string
}

func (r *run) features() []feature {
	const onError = "error-as-corruption"
	return []feature{
		{"ignore-corruption", r.ignoreCorruption, "ignore_corruption", 1, 2, "4.1"},
		{"restart-on-corruption", r.restartOnCorruption, "restart_on_corruption", 1, 2, "4.1"},
		{"panic-on-corruption", r.panicOnCorruption, "panic_on_corruption", 1, 7, "5.9"},
		{onError, r.errorAsCorruption && r.panicOnCorruption, "panic_on_error", 1, 10, "6.12"},
		{onError, r.errorAsCorruption && r.restartOnCorruption, "restart_on_error", 1, 10, "6.12"},
		{"ignore-zero-blocks", r.ignoreZeroBlocks, "ignore_zero_blocks", 1, 3, "4.5"},
		{"check-at-most-once", r.checkAtMostOnce, "check_at_most_once", 1, 4, "4.17"},
		{"use-tasklets", r.useTasklets, "try_verify_in_tasklet", 1, 9, "6.0"},
	}
}

// withValues are features that are no switches.
func (r *run) withValues() []feature {
	return []feature{
		{"fec-device", r.fecDevice != "", "use_fec_from_device", 1, 3, "4.5"},
		{"root-hash-signature", r.rootHashSignature != "", "root_hash_sig_key_desc", 1, 5, "5.4"},
	}
}

// checkVersion refuses what the kernel is too old for, by name.
func (r *run) checkVersion(control *dm.Control) error {
	version, err := control.TargetVersion("verity")
	if errors.Is(err, dm.ErrUnknownTarget) {
		return setup.Because(ui.InUse, "The kernel has no dm-verity.", err)
	}
	if err != nil {
		return nil // before Linux 5.4 it does not tell; it refuses the table then
	}
	for _, f := range append(r.features(), r.withValues()...) {
		if f.wanted && !version.AtLeast(f.major, f.minor, 0) {
			return setup.Failure(ui.InUse, "The kernel's dm-verity %v does not know %s, which Linux %s has.", version,
				f.option, f.kernel)
		}
	}
	return nil
}

// backing is a block device, or a loop device over an image file.
type backing struct {
	path string
	loop *block.Loop
}

func (b *backing) close() {
	if b.loop != nil {
		b.loop.Close()
	}
}

func attach(d *device, blockSize uint32) (*backing, error) {
	if d.isBlock() {
		return &backing{path: d.path}, nil
	}
	options := block.LoopOptions{ReadOnly: true, AutoClear: true}
	if blockSize <= 4096 && d.size%int64(blockSize) == 0 {
		options.SectorSize = int(blockSize)
	}
	loop, err := block.AttachLoop(d.path, options)
	if err != nil && options.SectorSize != 0 {
		options.SectorSize = 0
		loop, err = block.AttachLoop(d.path, options)
	}
	if err != nil {
		return nil, setup.Because(ui.NoDevice, "Cannot use a loop device for "+d.path+".", err)
	}
	return &backing{loop.Path, loop}, nil
}

func (r *run) activate(ctx context.Context, control *dm.Control, im *image, root []byte) error {
	t := &target.Verity{
		Length: uint64(im.DataSize()) / 512, Version: im.Format, DataBlockSize: im.DataBlockSize,
		HashBlockSize: im.HashBlockSize, DataBlocks: im.DataBlocks, HashStartBlock: im.first, Algorithm: im.Algorithm,
		RootHash: root, Salt: im.Salt,
	}
	paths := map[*device]string{}
	for _, d := range []*device{im.data, im.hash, im.fec} {
		if d == nil {
			continue
		}
		b, err := attach(d, im.DataBlockSize)
		if err != nil {
			return err
		}
		defer b.close()
		paths[d] = b.path
	}
	var err error
	if t.DataDevice, err = deviceNumber(paths[im.data]); err != nil {
		return err
	}
	if t.HashDevice, err = deviceNumber(paths[im.hash]); err != nil {
		return err
	}
	if t.Options, err = r.tableOptions(im, paths); err != nil {
		return err
	}
	return r.withSignature(ctx, im, func(description string) error {
		if description != "" {
			t.Options = append(t.Options, "root_hash_sig_key_desc", description)
		}
		plan := dm.Plan{Name: r.args[1], UUID: r.dmUUID(im), Table: dm.Table{t}, ReadOnly: true}
		_, err := control.Activate(ctx, plan)
		return r.explainActivate(err)
	})
}

func (r *run) dmUUID(im *image) string {
	if !im.superblock {
		return "CRYPT-VERITY-" + r.args[1]
	}
	return "CRYPT-VERITY-" + strings.ReplaceAll(uuidText(im.UUID), "-", "") + "-" + r.args[1]
}

func deviceNumber(path string) (string, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return "", noDevice(path, err)
	}
	return dm.Number{Major: unix.Major(uint64(st.Rdev)), Minor: unix.Minor(uint64(st.Rdev))}.String(), nil
}

// tableOptions are in the order in which veritysetup gives them.
func (r *run) tableOptions(im *image, paths map[*device]string) (options []string, err error) {
	for _, f := range r.features() {
		if f.wanted {
			options = append(options, f.option)
		}
	}
	if im.fec == nil {
		return options, nil
	}
	layout, err := im.verity(r).Layout()
	if err != nil {
		return nil, explainField(err)
	}
	if im.fecAt%int64(im.DataBlockSize) != 0 {
		return nil, setup.Failure(ui.Failed, "The kernel wants FEC data at a multiple of the block size.")
	}
	number, err := deviceNumber(paths[im.fec])
	if err != nil {
		return nil, err
	}
	return append(options, "use_fec_from_device", number, "fec_start", fmt.Sprint(im.fecAt/int64(im.DataBlockSize)),
		"fec_blocks", fmt.Sprint(layout.Blocks), "fec_roots", fmt.Sprint(im.roots)), nil
}

// maxSignature bounds a signature of a root hash, bytes.
const maxSignature = 1 << 20

// withSignature has the signature in the thread's keyring while the table is loaded.
func (r *run) withSignature(ctx context.Context, im *image, load func(description string) error) error {
	if r.rootHashSignature == "" {
		return load("")
	}
	signature, err := ui.ReadNamed(ctx, r.rootHashSignature, maxSignature)
	if err != nil || len(signature) == 0 {
		return setup.Because(ui.Failed, "Invalid signature file "+r.rootHashSignature+".", err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	description := "cryptsetup:" + r.args[1]
	if im.superblock {
		description = "cryptsetup:" + uuidText(im.UUID) + "-" + r.args[1]
	}
	id, err := keyring.Add(keyring.TypeUser, description, signature, keyring.Thread)
	if err != nil {
		return setup.Because(ui.Failed, "Failed to load the signature into the kernel keyring.", err)
	}
	return firstError(load(description), keyring.Unlink(id, keyring.Thread))
}

func (r *run) explainActivate(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, dm.ErrExists):
		return setup.Because(ui.InUse, "Device "+r.args[1]+" already exists.", err)
	case r.rootHashSignature != "" && (errors.Is(err, unix.EBADMSG) || errors.Is(err, unix.EKEYREJECTED)):
		return setup.Because(ui.InUse, "The kernel refuses the signature "+r.rootHashSignature+".", err)
	case errors.Is(err, dm.ErrNoKey):
		return setup.Because(ui.Failed, "The kernel trusts no key that the root hash is signed with.", err)
	}
	return setup.Because(ui.InUse, err.Error(), err)
}

func (r *run) closeMapping(ctx context.Context) error {
	removal := setup.Removal{UUID: "CRYPT-VERITY-", Deferred: r.deferred, Cancel: r.cancelDeferred}
	return setup.Close(ctx, r.ui, r.args[0], removal)
}
