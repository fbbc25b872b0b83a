// SPDX-License-Identifier: Apache-2.0

package poweron

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/part"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

const (
	rootLine = "sealed UUID=" + RootUUID + " none luks\n"
	memory   = 512 // MiB, unless a trial says otherwise
)

// A trial is a machine to be booted by any maker's image, from power on to a
// login.
type trial struct {
	name     string
	crypttab string // in place of the one that the maker found
	disks    func(t *testing.T) []machine.Disk
	play     func(t *testing.T, s *Session)
	prompts  int  // how often somebody is asked
	memory   int  // MiB, 512 when zero
	small    bool // for the image of this project alone: others need more memory
	locked   bool // the root stays locked
}

var trials = []trial{
	{
		name: "passphrase", prompts: 1,
		play: answer,
	},
	{
		name: "wrong passphrase first", prompts: 2,
		play: func(t *testing.T, s *Session) {
			must(t, s.Answers(t.Context(), "wrong horse"))
			must(t, s.Sees(t.Context(), "rong passphrase"))
			answer(t, s)
		},
	},
	{
		name:     "key file on a disk that comes 3 s late",
		crypttab: "sealed UUID=" + RootUUID + " /key:LABEL=KEYS luks\n", prompts: 1,
		play: func(t *testing.T, s *Session) {
			must(t, s.Sees(t.Context(), Prompt))
			time.Sleep(3 * time.Second)
			must(t, s.M.Plug(t.Context(), keyDisk(t)))
		},
	},
	{
		name:     "two disks with one passphrase",
		crypttab: rootLine + "second UUID=" + secondUUID + " none luks,initramfs\n", prompts: 1,
		disks: func(t *testing.T) []machine.Disk { return []machine.Disk{rootDisk(t), secondDisk(t)} },
		play: func(t *testing.T, s *Session) {
			answer(t, s)
			must(t, s.Runs(t.Context(), "ls /dev/mapper", "second"))
		},
	},
	{
		name:     "detached header",
		crypttab: "sealed /dev/disk/by-id/virtio-root none luks,header=/dev/disk/by-id/virtio-header\n", prompts: 1,
		disks: headerApart,
		play:  answer,
	},
	{
		name:     "missing disk that may be missing",
		crypttab: "gone UUID=" + goneUUID + " none luks,nofail\n" + rootLine, prompts: 1,
		play: answer,
	},
	{
		name: "zeroed primary header", prompts: 1,
		disks: withoutPrimary,
		play:  answer,
	},
	{
		name: "disk that grew since the last boot", prompts: 1,
		disks: grown,
		play: func(t *testing.T, s *Session) {
			answer(t, s)
			// Header, far header and what alignment leaves take less than 64 MiB.
			must(t, s.Runs(t.Context(), fmt.Sprintf("[ $(blockdev --getsize64 /dev/mapper/sealed) -gt %d ] && echo it ha''s grown", int64(3<<30+grownBy)), "it has grown"))
		},
	},
	{
		name: "192 MiB of memory, a slot of 64 MiB", prompts: 1, memory: 192, small: true,
		disks: func(t *testing.T) []machine.Disk { return []machine.Disk{rootWithSlots(t, 64)} },
		play:  answer,
	},
	{
		name: "128 MiB, slots of 64 and 16 MiB", prompts: 1, memory: 128, small: true,
		disks: func(t *testing.T) []machine.Disk { return []machine.Disk{rootWithSlots(t, 64, 16)} },
		play: func(t *testing.T, s *Session) {
			must(t, s.Sees(t.Context(), "Not enough memory to open keyslot 0: it needs 64 MiB"))
			must(t, s.Sees(t.Context(), "Keyslot 1 can be used"))
			answer(t, s)
		},
	},
	{
		name: "192 MiB, a slot of 1 GiB alone", memory: 192, small: true, locked: true,
		disks: func(t *testing.T) []machine.Disk { return []machine.Disk{rootWithSlots(t, 1024)} },
		play: func(t *testing.T, s *Session) {
			must(t, s.Sees(t.Context(), "Not enough memory to open keyslot 0: it needs 1024 MiB"))
			must(t, s.Sees(t.Context(), "The machine goes down"))
		},
	},
	{
		name: "192 MiB, slots of 1 GiB and 64 MiB", prompts: 1, memory: 192, small: true,
		disks: func(t *testing.T) []machine.Disk { return []machine.Disk{rootWithSlots(t, 1024, 64)} },
		play: func(t *testing.T, s *Session) {
			must(t, s.Sees(t.Context(), "Keyslot 1 can be used"))
			answer(t, s)
		},
	},
}

func answer(t *testing.T, s *Session) {
	t.Helper()
	must(t, s.Answers(t.Context(), Passphrase))
}

// TestBootsToALogin boots every trial by every maker's image, or those that -run picks.
func TestBootsToALogin(t *testing.T) {
	var table strings.Builder
	all, ran := 0, 0
	fmt.Fprintf(&table, "%-18s %-40s %8s  %s\n", "image by", "what is booted", "seconds", "prompts")
	for _, k := range []Maker{Ours, InitramfsTools, Dracut} {
		chosen := trialsOf(k)
		all += len(chosen)
		t.Run(k.Name, func(t *testing.T) {
			for _, trial := range chosen {
				t.Run(trial.name, func(t *testing.T) {
					ran++
					fmt.Fprintf(&table, "%-18s %s\n", k.Name, trial.run(t, k))
				})
			}
		})
	}
	part.Note(t, "boots", ran, all)
	t.Logf("from power on to a login:\n%s", table.String())
}

// trialsOf are those that an image of that maker can have.
func trialsOf(k Maker) []trial {
	return slices.DeleteFunc(slices.Clone(trials), func(c trial) bool { return c.small && k.Name != Ours.Name })
}

// run boots and returns a row of the table.
func (c trial) run(t *testing.T, k Maker) string {
	image := imageOf(t, k)
	if c.crypttab != "" {
		var err error
		image, err = WithFile(t.TempDir(), image, "/etc/crypttab", c.crypttab)
		must(t, err)
	}
	disks := []machine.Disk{rootDisk(t)}
	if c.disks != nil {
		disks = c.disks(t)
	}
	begin := time.Now()
	s := powerOn(t, image, cmp.Or(c.memory, memory), disks...)
	c.play(t, s)
	if c.locked {
		return fmt.Sprintf("%-40s %8.1f  stays locked", c.name, time.Since(begin).Seconds())
	}
	must(t, s.Runs(t.Context(), "findmnt -no SOURCE /", "/dev/mapper/sealed"))
	if n := s.Asked(); n != c.prompts {
		t.Errorf("asked %d times, not %d:\n%s", n, c.prompts, s.M.Console().Tail(60))
	}
	return fmt.Sprintf("%-40s %8.1f  %d", c.name, time.Since(begin).Seconds(), s.Asked())
}

// powerOn starts a machine that ends with the test.
func powerOn(t *testing.T, image string, memory int, disks ...machine.Disk) *Session {
	t.Helper()
	s, err := PowerOn(t.Context(), machine.Config{
		Initramfs: image, Memory: memory, Disks: disks, KernelArgs: []string{RootArgs, "systemd.show_status=no"},
	})
	must(t, err)
	t.Cleanup(s.M.Close)
	return s
}

func TestWorkshopIsADebian(t *testing.T) {
	m, err := machine.Start(t.Context(), Workshop())
	must(t, err)
	t.Cleanup(m.Close)
	for command, want := range map[string]string{
		"cat /etc/debian_version":                "12.",
		"findmnt -no FSTYPE /":                   "ext4",
		"orthrus --version":                      "orthrus",
		"modinfo -F description dm-crypt":        "transparent encryption",
		"modprobe dm-integrity; dmsetup targets": "integrity",
	} {
		shell(t, m, command, want)
	}
}
