// SPDX-License-Identifier: Apache-2.0

package cmdline

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/crypttab"
)

const (
	one = "11111111-2222-4333-8444-555555555555"
	two = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
)

func TestWordsAreTheKernels(t *testing.T) {
	for text, want := range map[string][]string{
		"":                              nil,
		"  quiet\n":                     {"quiet"},
		`a="b c" "d e=f" g`:             {"a=b c", "d e=f", "g"},
		`root=/dev/x x=""`:              {"root=/dev/x", "x="},
		`open="never closed`:            {"open=never closed"},
		"BOOT_IMAGE=/vmlinuz ro\tquiet": {"BOOT_IMAGE=/vmlinuz", "ro", "quiet"},
	} {
		if got := Split(text); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestFamiliesOfParameters(t *testing.T) {
	for text, want := range map[string]Settings{
		"quiet console=ttyS0 lukszilla=1": {Consoles: []string{"ttyS0"}},
		"rd.luks.uuid=luks-" + strings.ToUpper(one): {
			Volumes: []Volume{{From: "rd.luks.uuid", UUID: one, Listed: true}}, Only: []string{one},
		},
		"luks.uuid=UUID=" + one + " rd.luks.name=" + one + "=root rd.luks.options=" + one + "=discard,tries=2 rd.luks.key=" + one + "=/k:LABEL=keys": {
			Volumes: []Volume{{From: "luks.uuid", UUID: one, Name: "root", Options: "discard,tries=2", Key: "/k:LABEL=keys", Listed: true}}, Only: []string{one},
		},
		"rd.luks.options=discard rd.luks.key=/key": {Options: "discard", Key: "/key"},
		"rd.luks.options=" + one + "=header=/h":    {Volumes: []Volume{{From: "rd.luks.options", UUID: one, Options: "header=/h"}}},
		"rd.luks.data=" + one + "=/dev/sdb": {
			Volumes: []Volume{{From: "rd.luks.data", UUID: one, Data: "/dev/sdb", Listed: true}}, Only: []string{one},
		},
		"rd.luks.key=/k:UUID=1234-ABCD:UUID=" + two: {Volumes: []Volume{{From: "rd.luks.key", UUID: two, Key: "/k:UUID=1234-ABCD"}}},
		"rd.luks=0":                     {Disabled: true},
		"luks=no luks=yes":              {},
		"rd_NO_LUKS":                    {Disabled: true},
		"rd.luks.crypttab=no":           {NoCrypttab: true},
		"rd.luks.allow-discards":        {AllDiscards: true},
		"rd.luks.allow_discards=" + one: {Discards: []string{one}},
		"rd.luks.timeout=30 rd.luks.key.tout=5 rd.luks.tries=0": {
			Timeout: crypttab.Span{V: 30 * time.Second, Set: true}, KeyTimeout: 5 * time.Second, Tries: crypttab.Endless,
		},
		"rd.luks.partuuid=77": {Volumes: []Volume{{From: "rd.luks.partuuid", Device: "PARTUUID=77", Listed: true}}},
		"rd.luks.serial=S1":   {Volumes: []Volume{{From: "rd.luks.serial", Device: "SERIAL=S1", Listed: true}}},
		"cryptdevice=UUID=" + one + ":root:allow-discards,no-read-workqueue cryptkey=LABEL=usb:vfat:keys/a": {
			Volumes: []Volume{{From: "cryptdevice", Device: "UUID=" + one, Name: "root", Options: "allow-discards,no-read-workqueue", Key: "/keys/a:LABEL=usb#fstype=vfat", Listed: true}},
		},
		"cryptkey=/dev/sdb:2048:64 cryptdevice=/dev/sda:r": {
			Volumes: []Volume{{From: "cryptdevice", Device: "/dev/sda", Name: "r", Key: "raw:2048,64:/dev/sdb", Listed: true}},
		},
		"cryptdevice=/dev/sda:r cryptkey=rootfs:/etc/k crypto=sha512:aes-xts-plain64:512:0:": {
			Volumes: []Volume{{From: "cryptdevice", Device: "/dev/sda", Name: "r", Key: "/etc/k", Options: "plain,hash=sha512,cipher=aes-xts-plain64,size=512,offset=0", Listed: true}},
		},
		"cryptopts=target=root,source=UUID=" + one + ",key=none,discard,header=/h cryptopts=source=/dev/sdb": {
			Volumes: []Volume{
				{From: "cryptopts", Device: "UUID=" + one, Name: "root", Key: "none", Options: "discard,header=/h", Listed: true},
				{From: "cryptopts", Device: "/dev/sdb", Name: "cryptroot", Listed: true},
			},
		},
		"cryptroot=/dev/vda2 cryptdm=root cryptkey cryptheader=/dev/vdb cryptdiscards": {
			Volumes: []Volume{{From: "cryptroot", Device: "/dev/vda2", Name: "root", Key: "/crypto_keyfile.bin", Header: "/dev/vdb", Options: "discard", Listed: true}},
		},
		"root=/dev/mapper/vg cryptroot=UUID=1 cryptkey=/k rootflags=degraded,ro": {
			Root: "/dev/mapper/vg", RootFlags: "degraded,ro",
			Volumes: []Volume{{From: "cryptroot", Device: "UUID=1", Name: "vg", Key: "/k", Listed: true}},
		},
		"rd.orthrus.on-failure=reboot rd.orthrus.twins=first rd.orthrus.ciphers=a,b rd.orthrus.device-timeout=1min rd.orthrus.degraded rd.vconsole.keymap=de": {
			OnFailure: "reboot", Twins: "first", Ciphers: "a b", DeviceTimeout: crypttab.Span{V: time.Minute, Set: true}, Degraded: true, Keymap: "de",
		},
		`cryptdevice=/dev/disk/by-path/pci-0000\:00\:1f.2:root:discard cryptkey=/dev/disk/by-path/a\:b:vfat:/k\:y`: {
			Volumes: []Volume{{
				From: "cryptdevice", Device: "/dev/disk/by-path/pci-0000:00:1f.2", Name: "root", Options: "discard",
				Key: "/k:y:/dev/disk/by-path/a:b#fstype=vfat", Listed: true,
			}},
		},
		`cryptdevice=/dev/a:r cryptkey=rootfs:/etc/k\:1`: {
			Volumes: []Volume{{From: "cryptdevice", Device: "/dev/a", Name: "r", Key: "/etc/k:1", Listed: true}},
		},
		`cryptdevice=/dev/a:r cryptkey=/dev/by-path/x\:y:512:32`: {
			Volumes: []Volume{{From: "cryptdevice", Device: "/dev/a", Name: "r", Key: "raw:512,32:/dev/by-path/x:y", Listed: true}},
		},
		"cryptkey=rootfs:/1 cryptdevice=/dev/a:a cryptdevice=/dev/b:b:discard cryptkey=rootfs:/2": {
			Volumes: []Volume{
				{From: "cryptdevice", Device: "/dev/a", Name: "a", Key: "/1", Listed: true},
				{From: "cryptdevice", Device: "/dev/b", Name: "b", Options: "discard", Key: "/2", Listed: true},
			},
		},
		"root=/dev/mapper/one cryptroot=/dev/a cryptroot=/dev/b cryptdm=two cryptkey=/k cryptroot=/dev/c": {
			Root: "/dev/mapper/one",
			Volumes: []Volume{
				{From: "cryptroot", Device: "/dev/a", Name: "one", Listed: true},
				{From: "cryptroot", Device: "/dev/b", Name: "two", Key: "/k", Listed: true},
				{From: "cryptroot", Device: "/dev/c", Name: "cryptroot2", Listed: true},
			},
		},
		"crypt_root=UUID=1 crypt_root=/dev/b root_key=k root_keydev=LABEL=stick root_keydev_fstype=vfat root_trim=yes crypt_swap=/dev/s swap_key=/s": {
			Volumes: []Volume{
				{From: "crypt_root", Device: "UUID=1", Name: "root", Key: "/k:LABEL=stick#fstype=vfat", Options: "discard", Listed: true},
				{From: "crypt_root", Device: "/dev/b", Name: "root1", Key: "/k:LABEL=stick#fstype=vfat", Options: "discard", Listed: true},
				{From: "crypt_swap", Device: "/dev/s", Name: "swap", Key: "/s", Listed: true},
			},
		},
		"rd.luks.uuid=luks-11111111-22": {
			Volumes: []Volume{{From: "rd.luks.uuid", UUID: "11111111-22", Listed: true}}, Only: []string{"11111111-22"},
		},
		"rd.luks.uuid=" + one + " rd.luks.header=" + one + "=/h.img:LABEL=boot": {
			Volumes: []Volume{{From: "rd.luks.uuid", UUID: one, Header: "/h.img:LABEL=boot", Listed: true}}, Only: []string{one},
		},
		"rd.luks.uuid=LABEL=data rd.luks.name=LABEL=data=d rd.luks.options=LABEL=data=discard rd.luks.key=LABEL=data=/k rd.luks.label=more": {
			Volumes: []Volume{
				{From: "rd.luks.uuid", Device: "LABEL=data", Name: "d", Options: "discard", Key: "/k", Listed: true},
				{From: "rd.luks.label", Device: "LABEL=more", Listed: true},
			},
		},
		"root=/dev/a -- root=/dev/b rd.luks=no": {Root: "/dev/a"},
		`root=LABEL="a b" rootfstype=xfs,ext4 rw init=/bin/x resume=UUID=1 resume_offset=7 noresume console=ttyS0,115200 console=tty0 console=tty0`: {
			Root: "LABEL=a b", RootTypes: "xfs,ext4", Writable: true, Init: "/bin/x", Resume: Resume{"UUID=1", "7", true},
			Consoles: []string{"ttyS0", "tty0"},
		},
		"root=/dev/a rw ro": {Root: "/dev/a"},
	} {
		want.Initrd = true
		if got := Parse(text, true); !reflect.DeepEqual(got, want) {
			t.Errorf("%s\n got %+v\nwant %+v", text, got, want)
		}
	}
}

func TestTheMainSystemLeavesParametersOfTheInitrd(t *testing.T) {
	got := Parse("rd.luks.uuid="+one+" luks.uuid="+two+" rd.luks=no", false)
	if got.Disabled || len(got.Volumes) != 1 || got.Volumes[0].UUID != two {
		t.Errorf("%+v", got)
	}
}

func TestParametersThatCannotBeUsedAreNamed(t *testing.T) {
	for text, name := range map[string]string{
		"rd.luks.frob=1":                    "rd.luks.frob",
		"luks.frob":                         "luks.frob",
		"rd.orthrus.frob":                   "rd.orthrus.frob",
		"rd.luks.uuid=xyz":                  "rd.luks.uuid",
		"rd.luks.uuid=LABEL=":               "rd.luks.uuid",
		"rd.luks.header=/h":                 "rd.luks.header",
		"cryptkey=rootfs:/k crypto=a":       "crypto",
		"rd.luks.name=" + one:               "rd.luks.name",
		"rd.luks.data=a=b":                  "rd.luks.data",
		"luks=perhaps":                      "luks",
		"rd.luks.timeout=soon":              "rd.luks.timeout",
		"rd.luks.tries=x":                   "rd.luks.tries",
		"rd.luks.allow-discards=x":          "rd.luks.allow-discards",
		"rd.luks.key=/k:LABEL=a:/dev/sda":   "rd.luks.key",
		"cryptdevice=/dev/sda":              "cryptdevice",
		"crypto=a:b:c:d:e":                  "crypto",
		"cryptdevice=/dev/a:b crypto=a":     "crypto",
		"cryptdevice=/dev/a:b cryptkey=a:b": "cryptkey",
		"cryptopts=target=x":                "cryptopts",
		"cryptdm=x":                         "cryptdm",
		"cryptroot=/dev/a cryptoffset=8":    "cryptoffset",
		"rd.orthrus.on-failure=shell":       "rd.orthrus.on-failure",
		"rd.orthrus.twins=both":             "rd.orthrus.twins",
		"cryptroot":                         "cryptroot",
		"cryptroot=/dev/a cryptroot=":       "cryptroot",
		"crypt_root=":                       "crypt_root",
		"crypt_swap":                        "crypt_swap",
		"rd.luks.label":                     "rd.luks.label",
		"rd.luks.partuuid=":                 "rd.luks.partuuid",
		"rd.luks.serial=":                   "rd.luks.serial",
	} {
		got := Parse(text, true)
		if len(got.Problems) != 1 || got.Problems[0].Parameter != name || got.Problems[0].Why == "" {
			t.Errorf("%s: %v", text, got.Problems)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("rd.luks.uuid="+one+" rd.luks.key="+one+"=/k:LABEL=l cryptdevice=UUID=x:y:discard cryptkey=a:b:c", true)
	f.Add(`cryptopts=target=a,source=b,key=c,x="d e" cryptroot=/dev/x cryptdm=y cryptkey crypto=a:b:1:2:3`, false)
	f.Fuzz(func(t *testing.T, text string, initrd bool) {
		s := Parse(text, initrd)
		for _, v := range s.Volumes {
			if v.From == "" || v.UUID == "" && v.Device == "" {
				t.Errorf("volume without device: %+v", v)
			}
			if _, ok := asBeginning(v.UUID); v.UUID != "" && !ok {
				t.Errorf("uuid %q", v.UUID)
			}
		}
	})
}
