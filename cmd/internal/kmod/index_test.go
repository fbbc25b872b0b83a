// SPDX-License-Identifier: Apache-2.0

package kmod_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/orthrus-luks/orthrus/cmd/internal/kmod"
)

func index() *kmod.Index {
	return kmod.NewIndex(kmod.Lists{
		Dep: []byte("kernel/drivers/md/dm-mod.ko:\n" +
			"kernel/drivers/md/dm-crypt.ko.xz: kernel/drivers/md/dm-mod.ko\n" +
			"kernel/fs/ext4/ext4.ko: kernel/fs/mbcache.ko kernel/fs/jbd2/jbd2.ko kernel/lib/crc16.ko\n" +
			"kernel/fs/mbcache.ko:\nkernel/fs/jbd2/jbd2.ko: kernel/lib/crc16.ko\nkernel/lib/crc16.ko:\n" +
			"kernel/crypto/crc32c_generic.ko:\nkernel/arch/x86/crypto/crc32c-intel.ko.gz:\n" +
			"not a line of the list\n"),
		Alias: []byte("# Aliases extracted from modules themselves.\n" +
			"alias crypto-crc32c crc32c_intel\nalias crc32c crc32c_generic\nalias crypto-crc32c crc32c_generic\n" +
			"alias fs-ext4 ext4\nalias virtio:d00000002v* virtio_blk\nalias of:N*T*Cfoo,bar/baz foo_bar\n"),
		Softdep: []byte("softdep ext4 pre: crc32c post: late\n"),
		Builtin: []byte("kernel/drivers/virtio/virtio_blk.ko\n"),
	})
}

func files(modules []kmod.Module) []string {
	var names []string
	for _, m := range modules {
		names = append(names, m.File)
	}
	return names
}

func TestModulesComeAfterWhatTheyNeed(t *testing.T) {
	tests := []struct {
		asked []string
		want  []string
	}{
		{[]string{"dm-crypt"}, []string{"kernel/drivers/md/dm-mod.ko", "kernel/drivers/md/dm-crypt.ko.xz"}},
		{[]string{"dm_mod", "dm_crypt", "dm-mod"}, []string{"kernel/drivers/md/dm-mod.ko", "kernel/drivers/md/dm-crypt.ko.xz"}},
		{[]string{"ext4"}, []string{
			"kernel/crypto/crc32c_generic.ko", "kernel/lib/crc16.ko", "kernel/fs/jbd2/jbd2.ko",
			"kernel/fs/mbcache.ko", "kernel/fs/ext4/ext4.ko",
		}},
		{[]string{"virtio-blk"}, nil},
	}
	for _, test := range tests {
		modules, err := index().Resolve(test.asked...)
		got := files(modules)
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%v: %v, %v", test.asked, got, err)
		}
	}
}

func TestUnknownModuleIsNamed(t *testing.T) {
	_, err := index().Resolve("dm-mod", "f2fs")
	if !errors.Is(err, kmod.ErrNoModule) || err.Error() != "f2fs: no such kernel module" {
		t.Errorf("%v", err)
	}
}

func TestAliasesAreMatched(t *testing.T) {
	tests := []struct {
		asked string
		want  []string
	}{
		{"fs-ext4", []string{"ext4"}},
		{"crypto-crc32c", []string{"crc32c_intel", "crc32c_generic"}},
		{"virtio:d00000002v00001AF4", []string{"virtio_blk"}},
		{"of:NaTbCfoo,bar/baz", []string{"foo_bar"}},
		{"of:Na/bTcCfoo,bar/baz", []string{"foo_bar"}},
		{"fs-f2fs", nil},
	}
	for _, test := range tests {
		if got := index().Match(test.asked); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v", test.asked, got)
		}
	}
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte("kernel/a.ko: kernel/b.ko\nkernel/b.ko: kernel/a.ko\n"), []byte("alias [ a\n"), []byte("softdep a pre: a\n"))
	f.Fuzz(func(t *testing.T, dep, alias, softdep []byte) {
		x := kmod.NewIndex(kmod.Lists{Dep: dep, Alias: alias, Softdep: softdep})
		modules, _ := x.Resolve("a")
		names := files(modules)
		slices.Sort(names)
		if len(slices.Compact(slices.Clone(names))) != len(names) {
			t.Errorf("a file twice: %q", names)
		}
		for _, file := range names {
			if !bytes.Contains(dep, []byte(file)) {
				t.Errorf("%q is in no list", file)
			}
		}
	})
}
