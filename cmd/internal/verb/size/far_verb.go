// SPDX-License-Identifier: Apache-2.0

package size

import (
	"context"
	"errors"
	"slices"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/far"
)

// farOptions are those that only far takes.
type farOptions struct {
	shrinkData  bool
	search      bool
	forgetNewer bool
}

// Far declares the verb.
func Far() verb.Verb {
	var o farOptions
	return verb.Verb{
		Verb: cli.Verb{
			Name: "far", Group: cli.GroupSize, Args: "<enable|disable|sync|status> <device>", MinArgs: 2, Own: true,
			Summary: "keep a third copy of a LUKS2 header near the device's end",
			Takes:   cli.OfPassphrase + cli.OfTokens + cli.OfVolumeKey + "disable-locks json dry-run",
			Answers: []string{"header"},
			Options: []cli.Option{
				{
					Long: "shrink-data", Into: &o.shrinkData,
					Help: "let the data become shorter, where its contents end low enough",
				},
				{Long: "search", Into: &o.search, Help: "look for forgotten copies at every MiB of the device"},
				{
					Long: "forget-newer", Into: &o.forgetNewer,
					Help: "wipe the far header though it is newer than the header, as after a restored backup",
				},
			},
			Rules: []cli.Rule{o.actionRule},
			About: []string{
				"The far header is a third copy of the header and of all keyslots near the device's end, far " +
					"from whatever overwrites its start. luksFormat makes one where there is room; a token in the " +
					"header says where it is, and the data segment ends before it. Every change of the header is " +
					"made there too.",
				"enable makes one on a volume that has none, where what lies inside the volume (ext2 to ext4, " +
					"xfs, btrfs, swap, an LVM volume) says itself that it ends low enough; it is read through the " +
					"open mapping, or decrypted with the passphrase. Doubt refuses. disable wipes it and gives the " +
					"room back. sync brings it into step after another tool changed the header, and wipes forgotten " +
					"copies. status reports on it: exit status 0 where all is well, 1 where there is none, 6 where " +
					"something is to be done.",
				"When both copies at the device's start are lost, repair --from-far brings them back, and open " +
					"--header-from-far opens without writing. With other tools: attach the body with a loop device " +
					"at its offset and give that as --header, or cut it out with dd and restore it as a header " +
					"backup.",
				"Security: the far header holds key material, and other tools do not know it. Their erase and " +
					"luksFormat leave it alive; run far disable, or erase of this program, first. A passphrase taken " +
					"away with their luksRemoveKey, luksKillSlot or luksChangeKey still opens the far header until " +
					"the next command of this program that changes the header, far sync, or the guard's next look " +
					"brings it into step. Releases of cryptsetup before 2.7 map a volume over its far header: do not " +
					"let a file system grow under them.",
			},
			Examples: []cli.Example{
				{What: "Give an older volume a far header:", Line: "orthrus far enable --shrink-data /dev/sdb2"},
				{
					What: "Bring back a header both of whose copies are gone:",
					Line: "orthrus repair --from-far /dev/sdb2",
				},
			},
			Exits: []cli.Exit{
				{Code: 6, Means: "Something is to be done, as status says."},
			},
			SeeAlso: []string{"repair", "grow"},
		},
		Run: func(ctx context.Context, c *verb.Command) error { return farHeader(ctx, c, &o) },
	}
}

func (o *farOptions) actionRule(inv *cli.Invocation) string {
	switch sub := inv.Args[0]; {
	case sub != "enable" && sub != "disable" && sub != "sync" && sub != "status":
		return "Invalid far action: enable, disable, sync or status."
	case o.shrinkData && sub != "enable":
		return "Option --shrink-data is for far enable."
	case o.forgetNewer && sub != "disable":
		return "Option --forget-newer is for far disable."
	case o.search && sub != "sync" && sub != "status":
		return "Option --search is for far sync and far status."
	}
	return ""
}

// farHeader works on the third copy of a LUKS2 header, near the device's end.
func farHeader(ctx context.Context, c *verb.Command, o *farOptions) error {
	does := map[string]func(context.Context, *verb.Command, *farOptions) error{
		"enable": farEnable, "disable": farDisable, "sync": farSync, "status": farStatus,
	}[c.Args[0]]
	if does == nil {
		return verb.Failure(ui.Failed, "Invalid far action: enable, disable, sync or status.")
	}
	if c.Opt.Header.Set {
		return verb.Failure(ui.Failed, "A detached header has no far header.")
	}
	c.Args = c.Args[1:]
	return does(ctx, c, o)
}

// farEnable makes a far header in room that is proven free.
func farEnable(ctx context.Context, c *verb.Command, o *farOptions) error {
	v, err := volume.Load(ctx, c, volume.Changed)
	if err != nil {
		return err
	}
	defer v.Close()
	plan, err := v.PlanFar(ctx)
	if errors.Is(err, luks.ErrFarPresent) && wasIn(v, far.Enabling) {
		return nil
	}
	if err != nil {
		return v.FarError(err)
	}
	if err := notZoned(v); err != nil {
		return err
	}
	room, err := proveRoom(ctx, c, v)
	if err != nil {
		return v.FarError(err)
	}
	defer room.Close()
	if room.End <= plan.DataSize && room.visible > plan.DataSize && !o.shrinkData {
		return verb.Failure(ui.Failed, "The data of %s would become %d bytes shorter, at %d; its contents (%s) end "+
			"at byte %d, so nothing is lost. Add --shrink-data to do that.",
			v.Path, room.visible-plan.DataSize, plan.DataSize, room.kind, room.End)
	}
	if plan, err = v.EnableFar(ctx, room.Room); err != nil {
		return v.FarError(err)
	}
	c.UI.Sayf("Far header of %s: %d bytes at byte %d, locator at byte %d; the data has %d bytes.",
		v.Path, plan.Place.Body.Size, plan.Place.Start(), plan.Place.Locator, plan.DataSize)
	return nil
}

// notZoned refuses devices on which what lies at the end cannot be written in place.
func notZoned(v *volume.Volume) error {
	t, err := v.File.Topology()
	if err != nil {
		return verb.DeviceError(v.Path, err)
	}
	if t.Zoned {
		return verb.Failure(ui.Failed, "Device %s is zoned, which far headers cannot live on.", v.Path)
	}
	return nil
}

// farDisable wipes the far header and gives its room back.
func farDisable(ctx context.Context, c *verb.Command, o *farOptions) error {
	v, err := volume.Load(ctx, c, volume.Changed)
	if err != nil {
		return err
	}
	defer v.Close()
	var wiped []far.Place
	if o.forgetNewer {
		if wiped, err = v.GiveUpNewerFar(ctx); err != nil {
			return v.FarError(err)
		}
	}
	err = v.DisableFar(ctx)
	var left *luks.FarError
	if errors.As(err, &left) && slices.Contains(wiped, left.Place) {
		err = nil
	}
	if errors.As(err, &left) && errors.Is(err, far.ErrDisplaced) { // the heads forgot it, as asked
		c.UI.Errorf("WARNING: what lies at byte %d of %s is left, since it is not what the far header wrote there; "+
			"it may still hold key material: once it is certain that nothing else lies there, overwrite it.",
			left.Place.Start(), v.Path)
		err = nil
	}
	if errors.Is(err, far.ErrNone) && (wasIn(v, far.Disabling) || wasIn(v, far.Enabling) || len(wiped) > 0) {
		err = nil
	}
	if err != nil {
		return v.FarError(err)
	}
	c.UI.Sayf("%s has no far header any more; a mapping of it keeps its length until it is resized.", v.Path)
	return nil
}

// farSync brings the far header into step and wipes forgotten copies. Contents are looked at only where
// the data reaches over the far header.
func farSync(ctx context.Context, c *verb.Command, o *farOptions) error {
	v, err := volume.Load(ctx, c, volume.Changed)
	if err != nil {
		return err
	}
	defer v.Close()
	f, err := v.Far(ctx)
	if err != nil {
		return v.FarError(err)
	}
	var room *luks.Room
	if f.Exposed || f.Covered {
		proof, err := proveRoom(ctx, c, v)
		if err != nil {
			return v.FarError(err)
		}
		defer proof.Close()
		room = &proof.Room
	}
	var others []far.Found
	if o.search {
		if others, err = searchFar(ctx, v); err != nil {
			return err
		}
	}
	done, err := v.SyncFar(ctx, room, others)
	tellSynced(c, v.Path, done)
	return v.FarError(err)
}

// searchFar looks for forgotten copies at every MiB of the device.
func searchFar(ctx context.Context, v *volume.Volume) ([]far.Found, error) {
	var others []far.Found
	err := far.Search(ctx, v.Device(), 0, func(f far.Found) bool {
		if v.OwnsFar(f) {
			others = append(others, f)
		}
		return true
	})
	return others, err
}

func tellSynced(c *verb.Command, path string, done luks.FarSync) {
	if done.Refixed {
		c.UI.Sayf("The data segment of %s ends before the far header again.", path)
	}
	if done.Updated {
		c.UI.Sayf("Far header of %s brought into step.", path)
	}
	for _, p := range done.Wiped {
		c.UI.Sayf("Forgotten far header at byte %d of %s wiped.", p.Start(), path)
	}
	for p, err := range done.Left {
		c.UI.Errorf("Forgotten far header at byte %d of %s, which holds key material, is left: %v", p.Start(), path,
			err)
	}
	if !done.Refixed && !done.Updated && len(done.Wiped)+len(done.Left) == 0 {
		c.UI.Sayf("Nothing to do.")
	}
}
