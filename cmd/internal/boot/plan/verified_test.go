// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"reflect"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/cmdline"
)

const (
	rootHash = "00112233445566778899aabbccddeeffffeeddccbbaa99887766554433221100"
	tab      = "usr /dev/a /dev/b 00ff\ndata PARTUUID=1 /dev/c - nofail,root-hash-signature=auto\n" +
		"later /dev/d /dev/e 00 noauto\nbroken line\n"
)

// verifiedNames plans and returns the names, with "?" behind one that is optional and "*" behind one whose signature
// has a partition.
func verifiedNames(r Request) (names []string) {
	for _, v := range Make(r).Verified {
		name := v.Name
		if !v.Required {
			name += "?"
		}
		if v.Signed() {
			name += "*"
		}
		names = append(names, name)
	}
	return names
}

func TestWhichImagesAreMapped(t *testing.T) {
	for _, c := range []struct {
		what, line, table string
		main              bool
		names, taken      []string
		want              string
	}{
		{what: "nothing"},
		{what: "the root", line: "roothash=" + rootHash, want: "root"},
		{what: "root and /usr", line: "roothash=" + rootHash + " usrhash=" + rootHash, want: "root usr"},
		{
			what: "the main system has its root", main: true, want: "usr",
			line: "roothash=" + rootHash + " usrhash=" + rootHash,
		},
		{what: "what is signed", line: "roothash=-", want: "root*"},
		{
			what: "its signature from a partition", want: "root*",
			line: "roothash=" + rootHash + " systemd.verity_root_options=root-hash-signature=auto",
		},
		{what: "a table", table: tab, want: "usr data?*"},
		{what: "the command line wins", line: "usrhash=" + rootHash, table: tab, want: "usr data?*"},
		{what: "one by name", table: tab, names: []string{"later"}, want: "later"},
		{what: "there already", table: tab, taken: []string{"usr"}, want: "data?*"},
		{what: "no table", line: "veritytab=no roothash=" + rootHash, table: tab, want: "root"},
		{what: "nothing at all", line: "systemd.verity=0 roothash=" + rootHash, table: tab},
		{what: "no volumes is not no images", line: "luks=no roothash=" + rootHash, want: "root"},
	} {
		got := verifiedNames(Request{
			Veritytab: []byte(c.table), Settings: cmdline.Parse(c.line, !c.main), Names: c.names, Taken: c.taken,
		})
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", c.what, got, c.want)
		}
	}
}

func TestImagesKeepWhatIsSaidOfThem(t *testing.T) {
	p := Make(Request{
		Veritytab: []byte(tab), Names: []string{"later", "gone"},
		Settings: cmdline.Parse("usrhash="+rootHash+" systemd.verity_usr_data=LABEL=u", true),
	})
	if !reflect.DeepEqual(p.Unknown, []string{"gone"}) || len(p.Verified) != 1 ||
		p.Verified[0].From != "veritytab line 3" {
		t.Errorf("%+v", p)
	}
	p = Make(Request{Settings: cmdline.Parse("usrhash="+rootHash+
		" systemd.verity_usr_data=LABEL=u systemd.verity_usr_options=panic-on-corruption", true)})
	want := Verified{
		Name: "usr", From: "usrhash=", Data: Reference{Label, "u"}, Root: rootHash, Usage: "usr",
		Hash:    Reference{PartUUID, "ffeeddcc-bbaa-9988-7766-554433221100"},
		Options: "panic-on-corruption", Required: true,
	}
	if len(p.Verified) != 1 || !reflect.DeepEqual(p.Verified[0], want) {
		t.Errorf("%+v", p.Verified)
	}
}

func TestNotesNameImagesThatWerePassedOver(t *testing.T) {
	p := Make(Request{
		Veritytab: []byte(tab), Taken: []string{"data"},
		Settings: cmdline.Parse("usrhash="+rootHash+" roothash=00", true),
	})
	notes := strings.Join(p.Notes, "\n")
	for _, want := range []string{
		"veritytab line 4", "veritytab line 1: usrhash= names the mapping usr, too", "data is mapped already",
		"roothash=: the root hash is too short to name partitions",
	} {
		if !strings.Contains(notes, want) {
			t.Errorf("%q is not in\n%s", want, notes)
		}
	}
}
