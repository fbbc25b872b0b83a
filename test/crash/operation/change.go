// SPDX-License-Identifier: Apache-2.0

package operation

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/repair"
	tokens "github.com/orthrus-luks/orthrus/luks/token"
	"github.com/orthrus-luks/orthrus/test/crash"
	"github.com/orthrus-luks/orthrus/test/crash/disk"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

// change is an operation on a recorded volume.
type change struct {
	name    string
	volume  string                        // of package vectors
	prepare step                          // makes of it the volume to start from; may be nil
	shape   func(*disk.Image) *disk.Image // reshapes that; may be nil
	run     step                          // the operation itself
	touched []int                         // keyslots whose areas it may write
	parking []int                         // those of LUKS1 that hold a key on the way only
	stale   bool                          // shape makes the heads unequal
	repairs bool                          // what changes is the state of the heads
	moves   bool                          // keyslots move, and may lie at a third place in between
	dear    int                           // as of crash.Operation
	again   bool                          // as of crash.Operation
}

// step works on a loaded volume. key is the volume key, as if unlocked from keyslot 0.
type step func(v *luks.Volume, key *luks.Key) error

// operation makes the change one that can be tried: it carries it out once, to know both ends.
func (c change) operation() (crash.Operation, error) {
	base, err := c.base()
	if err != nil {
		return crash.Operation{}, fmt.Errorf("%s: setup: %w", c.name, err)
	}
	volumeKey := volumeKeyOf(c.volume)
	run := func(dev crash.Device) error { return onVolume(dev, volumeKey, c.run) }
	after, err := afterwards(base, run)
	if err != nil {
		return crash.Operation{}, fmt.Errorf("%s: %w", c.name, err)
	}
	j, err := newJudge(base, after, c.repairs)
	if err != nil {
		return crash.Operation{}, fmt.Errorf("%s: %w", c.name, err)
	}
	j.unequal = c.stale
	if len(c.parking) > 0 {
		v, err := load(base)
		if err != nil {
			return crash.Operation{}, err
		}
		j.passing = ownedAreas1(v, c.parking)
	}
	if c.moves {
		j.convert(after)
	}
	op := crash.Operation{
		Name:  c.name,
		Setup: func() (*disk.Image, error) { return base, j.distinguishes() },
		Run:   run,
		Check: j.check,
		Owned: c.owned(base, after),

		Copies: j.heads, Areas: j.areas(), Unequal: c.stale, Lone: len(j.heads) == 1 || c.moves,
		Dear: c.dear, Again: c.again,
	}
	if !op.Lone && !c.repairs {
		op.Recover, op.Seen = heal, j.loads.seen
	}
	return op, nil
}

func (c change) base() (*disk.Image, error) {
	content, _ := vectors.Open(c.volume)
	base := disk.NewImage(content)
	if c.prepare != nil {
		var err error
		volumeKey := volumeKeyOf(c.volume)
		base, err = afterwards(base, func(dev crash.Device) error { return onVolume(dev, volumeKey, c.prepare) })
		if err != nil {
			return nil, err
		}
	}
	if c.shape != nil {
		base = c.shape(base)
	}
	return base, nil
}

// owned is what may be written: by the volumes as they load, which they do.
func (c change) owned(base, after *disk.Image) []disk.Range {
	var list []disk.Range
	for _, m := range []*disk.Image{base, after} {
		if v, err := load(m); err == nil && c.moves {
			return append(list, disk.Range{Length: int64(v.Data.Offset)})
		}
		if v, err := load(m); err == nil {
			list = append(list, owned(v, c.touched...)...)
		}
	}
	return list
}

// afterwards is the image that run leaves.
func afterwards(base *disk.Image, run func(dev crash.Device) error) (*disk.Image, error) {
	d := disk.NewRecorder(base, disk.Fault{})
	if err := run(d); err != nil {
		return nil, err
	}
	return d.Trace(nil).After(), nil
}

// onVolume loads the volume, whose key is given, and takes a step. The key is not verified: a digest is
// made to be slow, and nothing of it is read from the device.
func onVolume(dev crash.Device, volumeKey []byte, s step) error {
	v, err := luks.Load(context.Background(), dev)
	if err != nil {
		return err
	}
	given, err := secret.From(slices.Clone(volumeKey))
	if err != nil {
		return err
	}
	key := &luks.Key{Buffer: given, Keyslot: 0, Digest: max(v.Data.DigestID, 0)}
	return errors.Join(s(v, key), key.Close())
}

// volumeKeyOf is the key of a recorded volume.
func volumeKeyOf(name string) []byte {
	_, facts := vectors.Open(name)
	return facts.VolumeKey
}

// heal is the recovery of LUKS2 volumes.
func heal(dev crash.Device) error {
	v, err := luks.Load(context.Background(), dev)
	if err != nil {
		return err
	}
	_, err = v.Heal(context.Background(), false)
	return err
}

// protection is a keyslot that costs next to nothing.
func protection(id int) luks.NewKeyslot {
	return luks.NewKeyslot{
		ID: luks.At(id), Priority: luks2.PriorityNormal,
		KDF: kdf.Params{Type: kdf.PBKDF2, Hash: "sha256", Iterations: 1},
	}
}

// mend repairs the volume's heads.
func mend(keep repair.Keep) step {
	return func(v *luks.Volume, _ *luks.Key) error {
		plan, err := repair.Make(v.Device(), keep, rand.Reader)
		if err != nil {
			return err
		}
		return repair.Apply(v.Device(), plan)
	}
}

// restore brings back the header of the recorded volume.
func restore(name string) step {
	image := sync.OnceValue(func() *disk.Image {
		content, _ := vectors.Open(name)
		return disk.NewImage(content)
	})
	return func(v *luks.Volume, _ *luks.Key) error {
		backup, err := load(image())
		if err != nil {
			return err
		}
		return v.Restore(context.Background(), backup)
	}
}

func addKey(id int, passphrase string) step {
	return func(v *luks.Volume, key *luks.Key) error {
		_, err := v.AddKey(context.Background(), key, []byte(passphrase), protection(id))
		return err
	}
}

func killKeyslot(id int) step {
	return func(v *luks.Volume, _ *luks.Key) error { return v.KillKeyslot(context.Background(), id, nil) }
}

func changeKey(id int) step {
	return func(v *luks.Volume, key *luks.Key) error {
		key.Keyslot = id
		_, err := v.ChangeKey(context.Background(), key, []byte(fresh), protection(luks.AnyKeyslot))
		return err
	}
}

// changeKeyInPlace lets a keyslot of LUKS1 keep its number.
func changeKeyInPlace(id int) step {
	return func(v *luks.Volume, key *luks.Key) error {
		key.Keyslot = id
		_, err := v.ChangeKey(context.Background(), key, []byte(fresh), protection(id))
		return err
	}
}

func setLabel(label string) step {
	return func(v *luks.Volume, _ *luks.Key) error {
		return v.SetLabels(context.Background(), label, "SUBSYSTEM")
	}
}

func setUUID(v *luks.Volume, _ *luks.Key) error {
	return v.SetUUID(context.Background(), "00000000-1111-4222-8333-444444444444")
}

func setToken(id int, text string) step {
	return func(v *luks.Volume, _ *luks.Key) error {
		var token []byte
		if text != "" {
			token = []byte(text)
		}
		_, err := v.SetToken(context.Background(), id, token)
		return err
	}
}

// enrolls adds a keyslot with a token of its own, in one commit.
func enrolls(v *luks.Volume, key *luks.Key) error {
	_, _, err := v.Enroll(context.Background(), key, []byte(fresh), protection(luks.AnyKeyslot), tokens.NewRecovery())
	return err
}

// disenroll removes keyslots with the tokens that have no other, in one commit.
func disenroll(ids ...int) step {
	return func(v *luks.Volume, _ *luks.Key) error {
		return v.Disenroll(context.Background(), ids, nil, tokens.Marks)
	}
}
