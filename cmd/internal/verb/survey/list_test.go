// SPDX-License-Identifier: Apache-2.0

package survey

import (
	"bytes"
	"context"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks/open"
	"golang.org/x/sys/unix"
)

func TestMappingsAreReadFromWhatTheKernelTells(t *testing.T) {
	for uuid, want := range map[string]mapping{
		"CRYPT-LUKS2-0123456789abcdef0123456789abcdef-data": {kind: "LUKS2", uuid: "0123456789abcdef0123456789abcdef"},
		"CRYPT-LUKS1-0123456789abcdef0123456789abcdef-a-b":  {kind: "LUKS1", uuid: "0123456789abcdef0123456789abcdef"},
		"CRYPT-PLAIN-swap": {kind: "plain"},
	} {
		got, ok := asMapping(block.Info{DMName: `a\x20b`, DMUUID: uuid, Size: 5})
		want.Name, want.Size = "a b", 5
		if !ok || got != want {
			t.Errorf("%s: %+v, want %+v", uuid, got, want)
		}
	}
	for _, uuid := range []string{"", "LVM-abc", "CRYPT-", "part1-CRYPT-LUKS2-x-y"} {
		if m, ok := asMapping(block.Info{DMUUID: uuid}); ok {
			t.Errorf("%q is %+v", uuid, m)
		}
	}
}

func TestAnOpenMappingTellsOfADeviceThatCannotBeRead(t *testing.T) {
	m := mapping{Name: "data", kind: "LUKS2", uuid: "0123456789abcdef0123456789abcdef"}
	r := failed(row{Device: "/dev/x", Mappings: []mapping{m}}, &fs.PathError{Op: "open", Path: "/dev/x", Err: unix.EACCES}).fromKernel()
	if r.State != denied || r.Format != "LUKS2" || r.UUID != "01234567-89ab-cdef-0123-456789abcdef" || !r.shown() {
		t.Errorf("%+v", r)
	}
	if r := failed(row{}, open.ErrHangs); r.State != noAnswer || !r.shown() {
		t.Errorf("%+v", r)
	}
	plain := row{State: none, Mappings: []mapping{{Name: "swap", kind: "plain"}}}.fromKernel()
	if plain.State != healthy || plain.Format != "plain" || plain.Why != "" {
		t.Errorf("%+v", plain)
	}
	if r := (row{State: none}).fromKernel(); r.shown() {
		t.Errorf("%+v is shown", r)
	}
}

// A device that does not answer holds up nobody for longer than it is given, and is listed as such.
func TestADeviceThatDoesNotAnswerIsListed(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "hangs")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(open.ErrHangs)
	rows := lookAll(ctx, []block.Info{{Name: "a", Path: fifo, Size: 1}, {Name: "b", Path: fifo, Size: 1}}, nil)
	for _, r := range rows {
		if r.State != noAnswer || r.Device != fifo || r.Size != 1 {
			t.Errorf("%+v", r)
		}
	}
}

// What a disk says cannot move the table, nor the terminal's cursor.
func TestTheTableIsStraightWhateverTheNames(t *testing.T) {
	var buffer bytes.Buffer
	c := verb.NewCommand(&cli.Invocation{Program: "orthrus", Action: "list"}, &ui.UI{Out: &buffer, Err: &buffer})
	rows := []row{
		{Device: "/dev/\x1b[2Jx", Format: "LUKS2", Size: 1 << 30, State: healthy, Keyslots: []int{0, 31}, Tokens: []string{"a\nb"}, Far: "in step"},
		{Device: "/dev/sdb", Format: "LUKS1", State: lost, Why: "no\x1b way", Mappings: []mapping{{Name: "ä", Suspended: true}}},
	}
	if err := printTable(c, listed{Devices: rows}); err != nil {
		t.Fatal(err)
	}
	want := `DEVICE         FORMAT  SIZE   STATE    MAPPED AS      KEYSLOTS  TOKENS  FAR HEADER
/dev/\x1b[2Jx  LUKS2   1 GiB  healthy  -              0,31      a\nb    in step
/dev/sdb       LUKS1   0 B    lost     ä (suspended)  -         -       -
/dev/sdb: no\x1b way.
`
	if buffer.String() != want {
		t.Errorf("%s", buffer.String())
	}
}
