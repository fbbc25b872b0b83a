// SPDX-License-Identifier: Apache-2.0

package layout_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/keys"
	"github.com/orthrus-luks/orthrus/luks/layout"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/unlock"
	"github.com/orthrus-luks/orthrus/luks/view"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

func sealed(t *testing.T, v view.View, key []byte) keys.Sealed {
	t.Helper()
	n := keys.New{KDF: kdf.Params{Type: kdf.PBKDF2, Hash: "sha256", Iterations: 1000}}
	s, err := keys.Seal(t.Context(), v, key, []byte("passphrase"), n)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func extents(list []commit.Area) []luks2.Extent {
	var all []luks2.Extent
	for _, a := range list {
		all = append(all, a.Extent())
	}
	return all
}

// Keyslots are added until there is no room, then wiped one after the other: the door lets each step pass, and none of
// the writes would have passed for a head that still names the keyslot.
func TestKeyslotsThatComeAndGoAreLetThrough(t *testing.T) {
	for _, m := range vectors.All() {
		if m.LUKS1() {
			continue
		}
		t.Run(m.Name, func(t *testing.T) {
			image, _ := vectors.Open(m.Name)
			v, err := view.Read(memory{bytes.NewReader(image)})
			if err != nil {
				t.Fatal(err)
			}
			now, device := v.Choice.Copy, uint64(m.Size)
			s, added := sealed(t, v, m.VolumeKey), []int(nil)
			for {
				own := luks2.Copy{Header: now.Header, Metadata: now.Metadata.Clone()}
				c, id, err := keys.Add(own, s, keys.New{}, keys.Bound(v.Data.DigestID))
				if errors.Is(err, luks2.ErrNoRoom) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				passes(t, now, c, device)
				refusedOnce(t, c.Next, device, extents(c.Before))
				now, added = c.Next, append(added, id)
			}
			if len(added) == 0 {
				t.Fatal("no keyslot found room")
			}
			for _, id := range added {
				k, err := now.Metadata.Keyslot(id)
				if err != nil {
					t.Fatal(err)
				}
				wipe, err := keys.Noise(id, luks2.Extent{Offset: k.Area.Offset, Size: k.Area.Size})
				if err != nil {
					t.Fatal(err)
				}
				c := commit.Change{Next: now, Before: []commit.Area{wipe}, After: []commit.Area{wipe}}
				c.Next.Metadata = now.Metadata.Clone()
				if err := c.Next.Metadata.RemoveKeyslot(id); err != nil {
					t.Fatal(err)
				}
				refusedOnce(t, now, device, extents(c.Before))
				passes(t, now, c, device)
				now = c.Next
			}
		})
	}
}

func passes(t *testing.T, now luks2.Copy, c commit.Change, device uint64) {
	t.Helper()
	if err := errors.Join(
		layout.Fits(c.Next, device), layout.Before(now, c.Next, device, extents(c.Before)...),
		layout.Heads(now, c.Next, device), layout.After(now, c.Next, device, extents(c.After)...),
	); err != nil {
		t.Fatal(err)
	}
}

// refusedOnce: while the heads name it, and are to name it, material is not overwritten.
func refusedOnce(t *testing.T, head luks2.Copy, device uint64, writes []luks2.Extent) {
	t.Helper()
	if len(writes) == 0 || kindOf(layout.Before(head, head, device, writes...)) != layout.ErrOwner ||
		kindOf(layout.After(head, head, device, writes...)) != layout.ErrOwner {
		t.Fatalf("%v would be overwritten", writes)
	}
}

func TestKeyslotsOfLUKS1ThatComeAndGoAreLetThrough(t *testing.T) {
	image, m := vectors.Open("luks1-sha1")
	v, err := view.Read(memory{bytes.NewReader(image)})
	if err != nil {
		t.Fatal(err)
	}
	now, device, s := v.LUKS1, uint64(m.Size), sealed(t, v, m.VolumeKey)
	for range luks1.KeyslotCount - len(now.EnabledKeyslots()) {
		c, _, err := keys.Add1(now, s, unlock.Slot{})
		if err != nil {
			t.Fatal(err)
		}
		passes1(t, now, c, device)
		if kindOf(layout.Before1(c.Next, c.Next, device, extents(c.Before)...)) != layout.ErrOwner {
			t.Fatal("material in use would be overwritten")
		}
		now = c.Next
	}
	one, err := keys.Kill1(now, commit.Expect{}, 3)
	if err != nil {
		t.Fatal(err)
	}
	all, err := keys.Erase1(now)
	if err != nil || len(all.Before) != luks1.KeyslotCount {
		t.Fatalf("%d areas, %v", len(all.Before), err)
	}
	for _, c := range []commit.Change1{one, all} {
		passes1(t, now, c, device)
		if kindOf(layout.After1(now, device, extents(c.Before)...)) != layout.ErrOwner {
			t.Error("material in use would be overwritten")
		}
	}
}

func passes1(t *testing.T, now luks1.Header, c commit.Change1, device uint64) {
	t.Helper()
	if err := errors.Join(
		layout.Before1(now, c.Next, device, extents(c.Before)...), layout.After1(c.Next, device, extents(c.After)...),
	); err != nil || len(c.Before) == 0 {
		t.Fatal(err)
	}
}
