// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/cmdline"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/crypttab"
	"github.com/orthrus-luks/orthrus/dm/target"
)

const (
	one = "11111111-2222-4333-8444-555555555555"
	two = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
)

func TestReferences(t *testing.T) {
	for text, want := range map[string]Reference{
		"":                                   {},
		"/dev/sda1":                          {Path, "/dev/sda1"},
		"disk.img":                           {Path, "disk.img"},
		"UUID=" + one:                        {UUID, one},
		`LABEL="my keys"`:                    {Label, "my keys"},
		"PARTUUID='1-2'":                     {PartUUID, "1-2"},
		"PARTLABEL=a=b":                      {PartLabel, "a=b"},
		"uuid=x":                             {UUID, "x"},
		"ID=virtio-a":                        {ID, "virtio-a"},
		"/dev/disk/by-uuid/" + one:           {UUID, one},
		`/dev/disk/by-label/my\x20keys`:      {Label, "my keys"},
		"/dev/disk/by-id/virtio-a-part1":     {ID, "virtio-a-part1"},
		"/dev/disk/by-path/pci-0000:00:04.0": {Port, "pci-0000:00:04.0"},
		"/dev/disk/by-uuid/":                 {Path, "/dev/disk/by-uuid/"},
		"/a=b":                               {Path, "/a=b"},
	} {
		if got := ParseReference(text); got != want {
			t.Errorf("%s: %+v, want %+v", text, got, want)
		}
	}
}

func TestKeys(t *testing.T) {
	for _, c := range []struct {
		text, script string
		want         Key
	}{
		{"", "", Key{}},
		{"none", "", Key{}},
		{"/etc/keys/a", "", Key{Kind: KeyFile, Path: "/etc/keys/a"}},
		{"/a:b", "", Key{Kind: KeyFile, Path: "/a:b"}},
		{"/a:b:LABEL=keys", "", Key{Kind: KeyFile, Path: "/a:b", Device: Reference{Label, "keys"}}},
		{"/a:/dev/sdb", "", Key{Kind: KeyFile, Path: "/a", Device: Reference{Path, "/dev/sdb"}}},
		{"/a:/dev/sdb#fstype=vfat", "", Key{Kind: KeyFile, Path: "/a", Device: Reference{Path, "/dev/sdb"}, FileSystem: "vfat"}},
		{"raw:512,64:UUID=x", "", Key{Kind: RawKey, Device: Reference{UUID, "x"}, Offset: 512, Size: 64}},
		{"/dev/disk/by-label/k", "", Key{Kind: RawKey, Device: Reference{Label, "k"}}},
		{"/dev/urandom", "", Key{Kind: RandomKey, Path: "/dev/urandom"}},
		{"id", "/lib/decrypt_x", Key{Kind: ScriptKey, Path: "/lib/decrypt_x", Argument: "id"}},
		{"none", "/lib/decrypt_x", Key{Kind: ScriptKey, Path: "/lib/decrypt_x", Argument: "none"}},
		{"-", "", Key{}},
		{"/dev/disk/by-label/k:/a:5", "/lib/cryptsetup/scripts/passdev", Key{Kind: KeyFile, Path: "/a", Device: Reference{Label, "k"}}},
		{"/dev/sdb", "passdev", Key{Kind: ScriptKey, Path: "passdev", Argument: "/dev/sdb"}},
	} {
		if got := parseKey(c.text, c.script); got != c.want {
			t.Errorf("%s %s: %+v, want %+v", c.text, c.script, got, c.want)
		}
	}
}

// make plans for a crypttab and a command line.
func made(tab, line string, names ...string) Plan {
	return Make(Request{Crypttab: []byte(tab), Settings: cmdline.Parse(line, true), Names: names})
}

func names(p Plan) string {
	var all []string
	for _, v := range p.Volumes {
		all = append(all, v.Name)
	}
	return strings.Join(all, " ")
}

func TestWhichVolumesAreUnlocked(t *testing.T) {
	tab := "root UUID=" + one + " none luks\ndata UUID=" + two + " /k nofail\nlater /dev/sdc none noauto\nimage /x.img"
	for _, c := range []struct {
		what, line string
		names      []string
		want       string
	}{
		{"all of a crypttab but noauto", "", nil, "root data image"},
		{"those that are named", "", []string{"later", "data"}, "data later"},
		{"none where the command line says so", "luks=no", nil, ""},
		{"no crypttab", "rd.luks.crypttab=no", nil, ""},
		{"only uuids of the command line", "rd.luks.uuid=" + two, nil, "data"},
		{"one more by uuid", "rd.luks.uuid=99999999-2222-4333-8444-555555555555", nil, "luks-99999999-2222-4333-8444-555555555555"},
		{"one by device", "cryptdevice=/dev/sdz:arch", nil, "root data image arch"},
		{"one that replaces a line", "cryptopts=target=root,source=/dev/sdz", nil, "data image root"},
	} {
		if got := made(tab, c.line, c.names...); names(got) != c.want {
			t.Errorf("%s: %q, want %q", c.what, names(got), c.want)
		}
	}
	taken := Make(Request{Crypttab: []byte(tab), Taken: []string{"root"}})
	if names(taken) != "data image" || len(taken.Notes) != 1 {
		t.Errorf("an open volume: %q, %q", names(taken), taken.Notes)
	}
}

func TestTheCommandLineAmendsTheCrypttab(t *testing.T) {
	p := made("root UUID="+one+" /k luks", "root=/dev/mapper/root rd.luks.options="+one+"=tries=9,nofail rd.luks.key="+one+"=/other rd.luks.allow-discards rd.luks.timeout=7")
	v := p.Volumes[0]
	want := crypttab.Defaults()
	want.Tries, want.NoFail, want.Flags, want.Timeout = 9, true, target.AllowDiscards, crypttab.Span{V: 7 * time.Second, Set: true}
	if !reflect.DeepEqual(v.Options, want) || v.Key.Path != "/other" {
		t.Errorf("%+v", v)
	}
	if !v.Root || !v.Required {
		t.Error("nofail makes the root volume dispensable")
	}
}

func TestVolumesOfTheCommandLineAlone(t *testing.T) {
	p := made("", "rd.luks.options=discard rd.luks.key=/k rd.luks.uuid="+one+" rd.luks.data="+two+"=/dev/sdb")
	if len(p.Volumes) != 2 {
		t.Fatalf("%+v", p)
	}
	first, second := p.Volumes[0], p.Volumes[1]
	if first.Name != "luks-"+one || first.Device != (Reference{UUID, one}) || first.Key.Path != "/k" || first.Options.Flags != target.AllowDiscards {
		t.Errorf("%+v", first)
	}
	if second.Device != (Reference{Path, "/dev/sdb"}) || second.Header.Device != (Reference{UUID, two}) {
		t.Errorf("%+v", second)
	}
	alpine := made("", "root=/dev/mapper/r cryptroot=/dev/vda2 cryptheader=/dev/vdb cryptkey").Volumes[0]
	if alpine.Name != "r" || !alpine.Root || alpine.Header.Device.Value != "/dev/vdb" || alpine.Key.Path != "/crypto_keyfile.bin" {
		t.Errorf("%+v", alpine)
	}
}

func TestHeaderPlaces(t *testing.T) {
	for text, want := range map[string]Place{
		"/dev/sdb":              {Device: Reference{Path, "/dev/sdb"}},
		"LABEL=h":               {Device: Reference{Label, "h"}},
		"/boot/h.img":           {Path: "/boot/h.img"},
		"/h.img:UUID=x":         {Path: "/h.img", Device: Reference{UUID, "x"}},
		"/h.img:/dev/mmcblk0p1": {Path: "/h.img", Device: Reference{Path, "/dev/mmcblk0p1"}},
	} {
		if got := made("a /dev/a none header="+text, "").Volumes[0].Header; got != want {
			t.Errorf("%s: %+v, want %+v", text, got, want)
		}
	}
}

func TestPolicy(t *testing.T) {
	want := Policy{OnFailure: Exit, Twins: RefuseTwins, DeviceTimeout: DefaultDeviceTimeout, Tries: DefaultTries}
	if got := made("", "quiet").Policy; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	want = Policy{OnFailure: Halt, Twins: FirstTwin, Ciphers: []string{"a", "b"}, DeviceTimeout: 5 * time.Second, KeyTimeout: 3 * time.Second, Tries: 8, Degraded: true}
	line := "rd.orthrus.on-failure=halt rd.orthrus.twins=first rd.orthrus.ciphers=a,b rootdelay=5 rd.luks.key.tout=3 rd.luks.tries=8 rootflags=subvol=x,degraded"
	if got := made("", line).Policy; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestNotesNameWhatWasPassedOver(t *testing.T) {
	p := made("alone\na /dev/a none luks,frob,veracrypt-query-pim", "rd.luks.frob=1", "a", "b")
	all := strings.Join(p.Notes, "\n")
	for _, want := range []string{"crypttab line 1: line: malformed (no device)", "crypttab line 2: option frob: unknown", "option veracrypt-query-pim: not supported", "parameter rd.luks.frob: unknown"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is missing in\n%s", want, all)
		}
	}
	if !reflect.DeepEqual(p.Unknown, []string{"b"}) {
		t.Errorf("unknown: %q", p.Unknown)
	}
}

func TestOneVolumeIsOpenedOnceWhateverItIsCalled(t *testing.T) {
	for _, c := range []struct{ what, tab, line, name, also string }{
		{"the root's name by cryptdevice", "cr UUID=" + one + " none luks", "root=/dev/mapper/a cryptdevice=UUID=" + one + ":a", "a", "cr"},
		{"the root's name by crypttab", "cr UUID=" + one + " none luks", "root=/dev/mapper/cr cryptdevice=/dev/disk/by-uuid/" + one + ":a", "cr", "a"},
		{"none of them the root's", "cr PARTUUID=AB none", "cryptdevice=PARTUUID=ab:a", "cr", "a"},
		{"two lines", "x /dev/sda none\ny /dev/sda none", "", "x", "y"},
	} {
		p := made(c.tab, c.line)
		if names(p) != c.name || !p.Volumes[0].Called(c.also) || len(p.Notes) != 1 {
			t.Errorf("%s: %q, also %q, %q", c.what, names(p), p.Volumes[0].Also, p.Notes)
		}
	}
	parts := made("a /dev/sda none plain,offset=0\nb /dev/sda none plain,offset=8192", "")
	if names(parts) != "a b" {
		t.Errorf("two plain volumes of one disk: %q", names(parts))
	}
	if p := made("cr UUID="+one+" none", "cryptdevice=UUID="+one+":a", "a"); names(p) != "cr" || p.Unknown != nil {
		t.Errorf("asked for by its other name: %q, %q", names(p), p.Unknown)
	}
}

func TestAUuidMayBeItsBeginningOrTheNameOfALine(t *testing.T) {
	tab := "luks-" + one + " /dev/sda /k luks\nother UUID=" + two + " none luks"
	for line, want := range map[string]string{
		"rd.luks.uuid=" + one:       "luks-" + one,
		"rd.luks.uuid=luks-1111111": "luks-" + one,
		"rd.luks.uuid=aaaa":         "other",
		"rd.luks.uuid=99":           "luks-99",
	} {
		if got := made(tab, line); names(got) != want {
			t.Errorf("%s: %q, want %q", line, names(got), want)
		}
	}
	v := made("", "root=/dev/mapper/luks-99aa rd.luks.uuid=99").Volumes[0]
	if v.Device != (Reference{Beginning, "99"}) || !v.Unnamed || !v.Root {
		t.Errorf("%+v", v)
	}
	v = made(tab, "rd.luks.options="+one+"=discard").Volumes[0]
	if v.Device.Value != "/dev/sda" || v.Options.Flags != target.AllowDiscards {
		t.Errorf("%+v", v)
	}
}

func TestWhatLivesForOneBootIsNotWaitedForInTheInitrd(t *testing.T) {
	tab := []byte("swap /dev/sda2 /dev/urandom swap,cipher=aes-xts-plain64\ntmp /dev/sda3 none tmp\nraw /dev/sda4 /dev/random plain")
	for _, initrd := range []bool{true, false} {
		p := Make(Request{Crypttab: tab, Settings: cmdline.Parse("", initrd)})
		for _, v := range p.Volumes {
			if v.Required == initrd {
				t.Errorf("initrd %v: %s required %v", initrd, v.Name, v.Required)
			}
		}
	}
}

func TestCiphersThatHideNothingAreNotAllowed(t *testing.T) {
	for cipher, want := range map[string]bool{
		"aes-xts-plain64": true, "capi:xts(aes)-plain64": true, "aes-cbc-essiv:sha256": true, "aes-hctr2-plain64": true,
		"aes-lrw-benbi": true, "capi:adiantum(xchacha20,aes)-plain64": true, "xchacha12,aes-adiantum-plain64": true, "serpent-xts-plain64": true,
		"cipher_null-ecb": false, "null": false, "aes-ecb": false, "aes-ctr-plain64": false, "serpent-hctr2-plain64": false, "capi:ecb(aes)-plain64": false, "capi:ecb(cipher_null)": false, "aes-xts-null": false, "des-cbc-plain": false, "": false,
	} {
		if got := AllowedCipher(nil, cipher); got != want {
			t.Errorf("%s: %v", cipher, got)
		}
	}
	if !AllowedCipher([]string{"des*"}, "des-cbc-plain") || AllowedCipher([]string{"des*", "[bad"}, "aes-xts-plain64") {
		t.Error("given patterns do not replace the usual ones")
	}
}

func FuzzMake(f *testing.F) {
	f.Add([]byte("a UUID="+one+" /k:LABEL=x header=/h:UUID=y,keyscript=passdev"), "rd.luks.uuid="+one+" cryptdevice=a:b cryptkey=c:1:2 root=/dev/mapper/a")
	f.Add([]byte("s /dev/s raw:x,y:z swap,noauto"), "cryptroot=a cryptdm=b cryptopts=target=a,source=b,key=raw:")
	f.Fuzz(func(t *testing.T, tab []byte, line string) {
		seen := map[string]bool{}
		for _, v := range made(string(tab), line).Volumes {
			if v.Name == "" || strings.Contains(v.Name, "/") || v.From == "" || seen[v.Name] {
				t.Errorf("volume %+v", v)
			}
			seen[v.Name] = true
		}
	})
}
