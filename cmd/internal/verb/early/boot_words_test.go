// SPDX-License-Identifier: Apache-2.0

package early

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/crypttab"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/kdf"
)

func TestWhatPeopleAreToldNamesTheThing(t *testing.T) {
	words := newPlaceholders("orthrus")
	words.saw(boot.Event{Kind: boot.Found, Volume: "root", Text: "/dev/vda2"})
	memory := &luks.KeyslotError{Keyslot: 0, Err: &kdf.MemoryError{Needed: 64 << 20, Available: 51<<20 + 5}}
	missing := &boot.KeyFileError{
		Source: "key file /k on LABEL=stick",
		Err:    &fs.PathError{Op: "open", Path: "/k", Err: fs.ErrNotExist},
	}
	for _, c := range []struct {
		event boot.Event
		want  string
	}{
		{
			boot.Event{Kind: boot.GaveUp, Volume: "root", Err: &boot.VolumeError{
				Volume: "root", Device: "/dev/vda2",
				Err: memory,
			}},
			"it needs 64 MiB, 51 MiB are available, 13 MiB are missing. Free some memory or add swap; where there is more: orthrus luksAddKey --pbkdf-memory 65536 /dev/vda2",
		},
		{
			boot.Event{Kind: boot.GaveUp, Volume: "root", Err: &boot.VolumeError{
				Volume: "root", Device: "/dev/vda2",
				Err: missing,
			}},
			"root stays closed: There is no key file /k on LABEL=stick.",
		},
		{
			boot.Event{Kind: boot.SourceFailed, Volume: "root", Source: missing.Source, Err: missing},
			"root: There is no key file /k on LABEL=stick.",
		},
		{
			boot.Event{Kind: boot.FarHeader, Volume: "lost", Text: "/dev/vdb, at byte 7", Node: "/dev/vdb"},
			"whole: /dev/vdb, at byte 7, and opens the volume. Then bring the header back: orthrus repair --from-far /dev/vdb",
		},
		{
			boot.Event{Kind: boot.FarHeader, Volume: "root", Text: "x", Err: boot.ErrFarNotUsed},
			"It is not used (x-orthrus.far=no).",
		},
		{boot.Event{Kind: boot.Note, Volume: "other", Err: kdf.ErrMemory}, "luksAddKey --pbkdf-memory 65536 DEVICE"},
	} {
		words.saw(c.event)
		got := words.fill(bootWords(c.event, false))
		if !strings.HasSuffix(got, c.want) || strings.ContainsAny(got, "{}") {
			t.Errorf("%v:\n got %q\nwant %q", c.event.Kind, got, c.want)
		}
	}
	if !errors.Is(missing, fs.ErrNotExist) {
		t.Error("the cause is lost")
	}
}

func TestThePageOfBootTellsOfEachOwnOptionOfTheCrypttab(t *testing.T) {
	page := strings.Join(Boot().About, "\n")
	for _, o := range crypttab.OwnOptions() {
		if !strings.Contains(page, o.String()+" "+o.About) {
			t.Errorf("%v", o)
		}
	}
}
