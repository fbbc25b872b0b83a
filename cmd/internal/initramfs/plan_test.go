// SPDX-License-Identifier: Apache-2.0

package initramfs

import (
	"errors"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/cmd/internal/kmod"
)

// machineFacts is a laptop: an encrypted root on NVMe.
func machineFacts() Facts {
	return Facts{
		Kernel: "6.1",
		Index: kmod.NewIndex(kmod.Lists{
			Dep: []byte("k/dm-mod.ko:\nk/dm-crypt.ko.xz: k/dm-mod.ko\nk/xts.ko:\nk/nvme.ko:\nk/ext4.ko:\nk/vfat.ko:\nk/usb-storage.ko:\n" +
				"k/serpent.ko:\nk/uncommon.ko:\nk/raid1.ko:\nk/raid456.ko:\nk/dm-mirror.ko:\nk/dm-zero.ko:\n"),
			Alias: []byte("alias crypto-xts xts\nalias pci:v*d*bc01sc08i02* nvme\nalias crypto-serpent serpent\nalias fs-ext4 ext4\nalias md-raid1 raid1\n"),
		}),
		Root:       Mount{"/dev/mapper/sealed", "ext4", "noatime"},
		Volumes:    []Volume{{Name: "sealed", UUID: "1234", Cipher: "serpent-xts-plain64"}},
		Modaliases: []string{"pci:v0000d0000bc01sc08i02"},
		Crypttab:   "# name device key options\nsealed UUID=1234 none luks,discard\nswap /dev/nvme0n1p9 /dev/urandom swap\n",
	}
}

func moduleFiles(p Plan) []string {
	var files []string
	for _, m := range p.Modules {
		files = append(files, m.File)
	}
	return files
}

func TestImageHasWhatTheRootNeedsAndNothingElse(t *testing.T) {
	p, err := machineFacts().Plan()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"k/dm-mod.ko", "k/dm-crypt.ko.xz", "k/xts.ko", "k/serpent.ko", "k/nvme.ko", "k/ext4.ko"}
	if got := moduleFiles(p); !slices.Equal(got, want) {
		t.Errorf("modules %v", got)
	}
	if p.Crypttab != "sealed UUID=1234 none luks,discard\n" || p.Fstab != "/dev/mapper/sealed / ext4 noatime 0 0\n" {
		t.Errorf("crypttab %q, fstab %q", p.Crypttab, p.Fstab)
	}
}

func TestLinesAreChosen(t *testing.T) {
	tests := []struct {
		name, table string
		change      func(*Facts)
		want        string
		files       []string
		err         error
	}{
		{name: "none for a volume that is there", table: "", want: "sealed UUID=1234 none luks\n"},
		{name: "asked for early", table: "sealed UUID=1\na /dev/sdb none luks,initramfs\nb /dev/sdc none luks,x-initrd.attach\nc /dev/sdd none luks\n", want: "sealed UUID=1 none\na /dev/sdb none luks,initramfs\nb /dev/sdc none luks,x-initrd.attach\n"},
		{name: "key on a stick", table: "sealed UUID=1 /key:LABEL=stick luks\n", want: "sealed UUID=1 /key:LABEL=stick luks\n"},
		{name: "key that is a device", table: "sealed UUID=1 /dev/sdz luks\n", want: "sealed UUID=1 /dev/sdz luks\n"},
		{name: "key file refused", table: "sealed UUID=1 /etc/key luks\n", err: ErrKeyFile},
		{name: "key file wanted", table: "sealed UUID=1 /etc/key luks\n", change: func(f *Facts) { f.Keys = true }, want: "sealed UUID=1 /etc/key luks\n", files: []string{"/etc/key"}},
		{name: "key file left out of another's image", table: "sealed UUID=1 /etc/key luks\n", change: func(f *Facts) { f.Part = true }, want: "sealed UUID=1 none luks\n"},
		{name: "header file", table: "sealed /dev/sda none header=/etc/head,luks\n", want: "sealed /dev/sda none header=/etc/head,luks\n", files: []string{"/etc/head"}},
		{name: "header on a stick", table: "sealed /dev/sda none header=/head:LABEL=stick\n", want: "sealed /dev/sda none header=/head:LABEL=stick\n"},
		{name: "below something else", table: "sealed UUID=1 none luks\n", change: func(f *Facts) { f.Foreign = []string{"LVM (vg-root)"} }, err: ErrForeign},
		{name: "below something else, in another's image", table: "sealed UUID=1 none luks\n", change: func(f *Facts) { f.Foreign, f.Part = []string{"LVM (vg-root)"}, true }, want: "sealed UUID=1 none luks\n"},
		{name: "module that is none", table: "", change: func(f *Facts) { f.Modules = []string{"gone"} }, err: kmod.ErrNoModule},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := machineFacts()
			f.Crypttab = test.table
			if test.change != nil {
				test.change(&f)
			}
			p, err := f.Plan()
			if !errors.Is(err, test.err) || p.Crypttab != test.want {
				t.Errorf("%q, %v", p.Crypttab, err)
			}
			var files []string
			for _, file := range p.Files {
				files = append(files, file.Path)
			}
			if !slices.Equal(files, test.files) {
				t.Errorf("files %v", files)
			}
		})
	}
}

func TestToolsAreThoseFoundAskedForAndNamed(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Facts)
		want   []string
	}{
		{"an encrypted root alone", func(*Facts) {}, nil},
		{"found below it", func(f *Facts) { f.Tools = []string{"lvm"} }, []string{"lvm"}},
		{"asked for, too", func(f *Facts) { f.Tools = []string{"lvm", "mdadm", "lvm"} }, []string{"lvm", "mdadm"}},
		{"the root is a volume", func(f *Facts) { f.Root.Source = "/dev/mapper/vg-root" }, []string{"lvm"}},
		{"the root is named by uuid", func(f *Facts) { f.Root.Source = "UUID=1-2" }, nil},
		{"a mapping of the table has a dash", func(f *Facts) {
			f.Root.Source, f.Crypttab = "/dev/mapper/my-root", "my-root UUID=1 none\n"
		}, nil},
		{"a volume lies on an array", func(f *Facts) { f.Crypttab = "sealed /dev/md0 none\n" }, []string{"mdadm"}},
		{"an array in a group", func(f *Facts) {
			f.Root.Source, f.Crypttab = "/dev/vg/root", "a /dev/md/x none initramfs\n"
		}, []string{"lvm", "mdadm"}},
		{"a volume that is not early lies on an array", func(f *Facts) { f.Crypttab = "data /dev/md0 none\n" }, nil},
		{"another's image", func(f *Facts) { f.Tools, f.Part = []string{"lvm"}, true }, nil},
	}
	for _, test := range tests {
		f := machineFacts()
		test.change(&f)
		if p, err := f.Plan(); err != nil || !slices.Equal(p.Tools, test.want) {
			t.Errorf("%s: %v, %v", test.name, p.Tools, err)
		}
	}
}

func TestLinesOfTheVeritytabAreChosen(t *testing.T) {
	f := machineFacts()
	f.Verity = []string{"below"}
	f.Veritytab = "below /dev/a /dev/b 00 root-hash-signature=/etc/sig,hash=sha512\nother /dev/c /dev/d 00\n" +
		"early /dev/e /dev/f - x-initrd.attach,root-hash-signature=auto,fec-device=/dev/g\n"
	p, err := f.Plan()
	want := "below /dev/a /dev/b 00 root-hash-signature=/etc/sig,hash=sha512\n" +
		"early /dev/e /dev/f - x-initrd.attach,root-hash-signature=auto,fec-device=/dev/g\n"
	if err != nil || p.Veritytab != want {
		t.Errorf("%q, %v", p.Veritytab, err)
	}
	if len(p.Files) != 1 || p.Files[0] != (File{Path: "/etc/sig"}) {
		t.Errorf("files %+v", p.Files)
	}
}

func TestModulesFollowTheQuestion(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Facts)
		has    []string
		lacks  []string
	}{
		{"asked for", func(f *Facts) { f.Modules = []string{"uncommon"} }, []string{"uncommon"}, nil},
		{"key on a stick", func(f *Facts) { f.Crypttab = "sealed UUID=1 /k:LABEL=s luks\n" }, []string{"usb-storage", "vfat"}, nil},
		{"common hardware", func(f *Facts) { f.Generic, f.Modaliases = true, nil }, []string{"nvme", "usb-storage", "serpent"}, []string{"vfat"}},
		{"another's image", func(f *Facts) { f.Part = true }, []string{"dm-crypt", "serpent"}, []string{"nvme", "ext4"}},
		{"a BitLocker volume", func(f *Facts) { f.Crypttab = "sealed UUID=1 none bitlk,x-initrd.attach\n" }, []string{"dm-zero"}, nil},
		{"none", func(*Facts) {}, []string{"dm-crypt"}, []string{"dm-zero"}},
		{"an array of this machine", func(f *Facts) {
			f.Tools, f.Drivers = []string{"mdadm"}, []string{"md-raid1"}
		}, []string{"raid1"}, []string{"raid456"}},
		{"any array", func(f *Facts) { f.Tools, f.Generic = []string{"mdadm"}, true }, []string{"raid456"}, []string{"dm-mirror"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := machineFacts()
			test.change(&f)
			p, err := f.Plan()
			if err != nil {
				t.Fatal(err)
			}
			all := strings.Join(moduleFiles(p), " ")
			for _, name := range test.has {
				if !strings.Contains(all, "/"+name+".ko") {
					t.Errorf("no %s in %s", name, all)
				}
			}
			for _, name := range test.lacks {
				if strings.Contains(all, "/"+name+".ko") {
					t.Errorf("%s in %s", name, all)
				}
			}
		})
	}
}

// cryptoFacts has the modules of a kernel's crypto layer, with aliases as depmod notes them.
func cryptoFacts(cipher string) Facts {
	f := machineFacts()
	f.Index = kmod.NewIndex(kmod.Lists{
		Dep: []byte("k/dm-mod.ko:\nk/dm-crypt.ko: k/dm-mod.ko\nk/xts.ko:\nk/aesni-intel.ko:\nk/lib/libpoly1305.ko:\n" +
			"k/adiantum.ko: k/lib/libpoly1305.ko\nk/nhpoly1305.ko: k/lib/libpoly1305.ko\nk/nhpoly1305-avx2.ko: k/nhpoly1305.ko\n" +
			"k/chacha_generic.ko:\nk/hctr2.ko:\nk/xctr.ko:\nk/polyval-generic.ko:\nk/af_alg.ko:\nk/algif_skcipher.ko: k/af_alg.ko\n"),
		Alias: []byte("alias crypto-xts xts\nalias crypto-aes aesni_intel\nalias crypto-adiantum adiantum\n" +
			"alias crypto-nhpoly1305 nhpoly1305\nalias crypto-nhpoly1305 nhpoly1305_avx2\nalias crypto-xchacha12 chacha_generic\n" +
			"alias crypto-hctr2 hctr2\nalias crypto-xctr xctr\nalias crypto-polyval polyval_generic\n"),
	})
	f.Volumes[0].Cipher, f.Part = cipher, true
	return f
}

func TestImageHasWhatTheCipherOfTheRootAsksForByName(t *testing.T) {
	usual := []string{"k/dm-mod.ko", "k/dm-crypt.ko", "k/xts.ko", "k/aesni-intel.ko"}
	adiantum := []string{
		"k/lib/libpoly1305.ko", "k/adiantum.ko", "k/chacha_generic.ko", "k/nhpoly1305.ko", "k/nhpoly1305-avx2.ko",
		"k/af_alg.ko", "k/algif_skcipher.ko",
	}
	hctr2 := []string{"k/hctr2.ko", "k/xctr.ko", "k/polyval-generic.ko"}
	for cipher, want := range map[string][]string{
		"aes-xts-plain64":                nil,
		"xchacha12,aes-adiantum-plain64": adiantum,
		"aes-hctr2-plain64":              hctr2,
		"capi:hctr2(aes)-plain64":        hctr2,
	} {
		p, err := cryptoFacts(cipher).Plan()
		if got := moduleFiles(p); err != nil || !slices.Equal(got, append(slices.Clone(usual), want...)) {
			t.Errorf("%s: %v, %v", cipher, got, err)
		}
	}
}

func TestGenericImageHasTheModulesOfEveryModeThatBoots(t *testing.T) {
	f := cryptoFacts("")
	f.Part, f.Generic = false, true
	p, err := f.Plan()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"k/nhpoly1305.ko", "k/chacha_generic.ko", "k/algif_skcipher.ko", "k/xctr.ko"} {
		if !slices.Contains(moduleFiles(p), file) {
			t.Errorf("no %s in %v", file, moduleFiles(p))
		}
	}
}

// Alpine's maker of images takes files by pattern, whichever volumes there are.
func TestAlpinesImageTakesEveryModuleOfTheCryptoLayer(t *testing.T) {
	text, err := os.ReadFile("../../../scripts/mkinitfs/orthrus.modules")
	if err != nil {
		t.Fatal(err)
	}
	patterns := strings.Fields(string(text))
	for _, file := range []string{
		"kernel/drivers/md/dm-mod.ko.gz", "kernel/drivers/md/dm-crypt.ko", "kernel/crypto/nhpoly1305.ko.gz",
		"kernel/crypto/algif_skcipher.ko.gz", "kernel/arch/x86/crypto/aesni-intel.ko.gz",
	} {
		fits := func(pattern string) bool { ok, err := path.Match(pattern, file); return ok && err == nil }
		if !slices.ContainsFunc(patterns, fits) {
			t.Errorf("no line for %s", file)
		}
	}
}

func TestKernelWithEverythingBuiltInNeedsNoModules(t *testing.T) {
	f := machineFacts()
	f.Index = nil
	if p, err := f.Plan(); err != nil || len(p.Modules) > 0 {
		t.Errorf("%v %v", p.Modules, err)
	}
}

func TestKernelWithoutDmCryptIsRefused(t *testing.T) {
	f := machineFacts()
	f.Index = kmod.NewIndex(kmod.Lists{Dep: []byte("k/ext4.ko:\n")})
	if _, err := f.Plan(); !errors.Is(err, kmod.ErrNoModule) {
		t.Errorf("%v", err)
	}
}
