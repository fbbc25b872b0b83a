// SPDX-License-Identifier: Apache-2.0

package initramfs

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/cmd/internal/kmod"
)

// remoteFacts is the laptop, far away.
func remoteFacts() Facts {
	f := machineFacts()
	f.Index = kmod.NewIndex(kmod.Lists{
		Dep:   []byte("k/dm-crypt.ko:\nk/xts.ko:\nk/ext4.ko:\nk/virtio_net.ko:\nk/e1000e.ko:\nk/r8152.ko:\nk/serpent.ko:\n"),
		Alias: []byte("alias crypto-xts xts\nalias pci:v1* e1000e\nalias crypto-serpent serpent\n"),
	})
	f.Crypttab = "sealed UUID=1 none luks,x-orthrus.remote\n"
	f.Remote = Remote{
		Files: []File{
			{Path: "/sbin/dropbear", From: "/usr/sbin/dropbear", program: true},
			{Path: "/etc/dropbear/dropbear_rsa_host_key", From: "/x", Private: true},
		},
		Options: []string{"-p", "2222"}, Modaliases: []string{"pci:v1234"}, Drivers: []string{"virtio_net"},
	}
	return f
}

func TestAnImageForPeopleFarAway(t *testing.T) {
	lacking := &RemoteError{"dropbear is not installed"}
	for _, test := range []struct {
		name      string
		change    func(*Facts)
		arguments string
		modules   []string
		err       error
	}{
		{
			name:      "asked for",
			arguments: "-p 2222 -F -E -s -j -k -c /bin/cryptroot-unlock -r /etc/dropbear/dropbear_rsa_host_key",
			modules:   []string{"k/virtio_net.ko", "k/e1000e.ko"},
		},
		{name: "not asked for", change: func(f *Facts) { f.Crypttab = "sealed UUID=1 none luks\n" }},
		{name: "for another volume", change: func(f *Facts) { f.Crypttab = "data UUID=2 none luks,x-orthrus.remote\n" }},
		{name: "not to be had", change: func(f *Facts) { f.Remote = Remote{Err: lacking} }, err: ErrRemote},
		{name: "in another's image", change: func(f *Facts) { f.Part, f.Remote = true, Remote{Err: lacking} }},
		{
			name: "on any hardware", change: func(f *Facts) { f.Generic = true },
			arguments: "-p 2222 -F -E -s -j -k -c /bin/cryptroot-unlock -r /etc/dropbear/dropbear_rsa_host_key",
			modules:   []string{"k/virtio_net.ko", "k/e1000e.ko", "k/r8152.ko"},
		},
	} {
		f := remoteFacts()
		if test.change != nil {
			test.change(&f)
		}
		p, err := f.Plan()
		if !errors.Is(err, test.err) || strings.Join(p.Remote, " ") != test.arguments || (len(p.Files) > 0) != (test.arguments != "") {
			t.Errorf("%s: %v, %v, %q", test.name, err, p.Files, p.Remote)
		}
		for _, file := range []string{"k/virtio_net.ko", "k/e1000e.ko", "k/r8152.ko"} {
			if slices.Contains(moduleFiles(p), file) != slices.Contains(test.modules, file) {
				t.Errorf("%s: modules %v", test.name, moduleFiles(p))
			}
		}
	}
}

func TestAnotherSystemsServerIsRefused(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{"crypttab": "sealed UUID=1 none luks,x-orthrus.remote\n", "fstab": "/dev/mapper/sealed / ext4\n"} {
		if err := errors.Join(os.MkdirAll(root+"/etc", 0o755), os.WriteFile(filepath.Join(root, "etc", name), []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	f, err := System{Root: root}.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err = f.Plan(); !errors.Is(err, ErrRemote) || !strings.Contains(err.Error(), "x-orthrus.remote: ") {
		t.Errorf("%v", err)
	}
}

func TestDropbearsOptionsAreThoseOfItsConfiguration(t *testing.T) {
	for conf, want := range map[string]string{
		"# a\n#DROPBEAR_OPTIONS=\"-p 1\"\n":                  "",
		"DROPBEAR_OPTIONS=\"-I 180 -p 2222\"\nIFDOWN=none\n": "-I 180 -p 2222",
		" DROPBEAR_OPTIONS='-p 1'\nDROPBEAR_OPTIONS=-s\n":    "-s",
	} {
		if got := strings.Join(dropbearOptions(conf), " "); got != want {
			t.Errorf("%q: %q", conf, got)
		}
	}
	for text, want := range map[string]bool{"": false, "# key\n \n": false, "#\nssh-ed25519 AAAA me": true} {
		if hasKey(text) != want {
			t.Errorf("%q", text)
		}
	}
}

func TestTheShellOfTheImageIsTheProgram(t *testing.T) {
	root, self := tree(t)
	p := smallPlan()
	p.Remote = []string{"-F", "-s"}
	p.Files = []File{{Path: "/sbin/dropbear", From: "/etc/key", program: true}, {Path: "/root/.ssh/authorized_keys", From: "/etc/key", Private: true}}
	dir := unpacked(t, p, root, self)
	for name, want := range map[string]string{
		"etc/passwd": "root:*:0:0::/root:/bin/cryptroot-unlock\n", "etc/shells": "/bin/cryptroot-unlock\n",
		"etc/dropbear/arguments": "-F\n-s\n", "root/.ssh/authorized_keys": "secret", "sbin/dropbear": "secret",
	} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for name, want := range map[string]os.FileMode{"sbin/dropbear": 0o755, "root/.ssh/authorized_keys": 0o400} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if target, err := os.Readlink(filepath.Join(dir, "bin/cryptroot-unlock")); err != nil || target != "/init" {
		t.Errorf("%s, %v", target, err)
	}
}
