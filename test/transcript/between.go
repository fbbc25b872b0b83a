// SPDX-License-Identifier: Apache-2.0

package transcript

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

// between does what was done between two recorded commands and is no command of cryptsetup.
func (p *Player) between(session string, step int) error {
	switch {
	case session == "format" && step == 3: // not there yet
		return os.Remove(p.path("b.img"))
	case session == "format" && step == 4:
		return errors.Join(os.WriteFile(p.path("b.img"), nil, 0o600), os.Truncate(p.path("b.img"), imageSize))
	case session == "keys" && step == 0: // the volume of the first command again
		_, err := p.run(vectors.Transcript("format")[0].Command)
		return err
	case session == "dump" && step == 0: // 2.8.6 loses the priority of a keyslot that it converts
		_, err := p.run("cryptsetup config --priority normal --key-slot 1 a.img")
		return err
	case session == "backup" && step == 0:
		return errors.Join(p.detach(), p.flags("a.img"))
	case session == "backup" && step == 10:
		return p.copy("a.img", "e.img")
	case session == "backup" && step == 13: // a destroyed primary, which opening mends
		return errors.Join(p.copy("a.img", "z.img"), p.overwrite("z.img", make([]byte, 4096)))
	case session == "backup" && step == 14: // another file system's superblock over it
		return p.overwrite("z.img", superblock())
	case session == "open" && step == 7:
		return errors.Join(p.loop("/dev/loop0", "a.img"), p.loop("/dev/loop1", "b.img"))
	case session == "open" && step == 23:
		return p.hold("/dev/mapper/vol")
	case session == "open" && step == 26:
		return p.release()
	case session == "open" && step == 44:
		return p.loop("/dev/loop2", "d.img")
	}
	return nil
}

// flags are those that the session with the kernel leaves, whether or not it was played.
func (p *Player) flags(name string) error {
	dev, err := luks.OpenDevice(p.path(name), luks.DeviceOptions{Write: true})
	if err != nil {
		return err
	}
	ctx := context.Background()
	v, err := luks.Load(ctx, dev)
	if err == nil {
		err = v.SetFlags(ctx, (target.AllowDiscards | target.NoReadWorkqueue).Kept())
	}
	return errors.Join(err, dev.Close())
}

func (p *Player) copy(from, to string) error {
	content, err := os.ReadFile(p.path(from))
	return errors.Join(err, os.WriteFile(p.path(to), content, 0o600))
}

func (p *Player) overwrite(name string, b []byte) error {
	f, err := os.OpenFile(p.path(name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, 0)
	return errors.Join(err, f.Close())
}

// superblock is enough of an ext2 for whoever looks for signatures.
func superblock() []byte {
	b := make([]byte, 4096)
	binary.LittleEndian.PutUint32(b[1024:], 16)   // inodes
	binary.LittleEndian.PutUint32(b[1028:], 4096) // blocks
	binary.LittleEndian.PutUint16(b[1080:], 0xef53)
	return b
}

// loop attaches an image to a loop device.
func (p *Player) loop(device, name string) error {
	if out, err := exec.Command("losetup", device, p.path(name)).CombinedOutput(); err != nil {
		return fmt.Errorf("losetup: %w: %s", err, out)
	}
	p.loops = append(p.loops, device)
	return nil
}

// detach gives the loop devices back: repair would see clones of the volumes that follow.
func (p *Player) detach() error {
	for _, device := range p.loops {
		if out, err := exec.Command("losetup", "-d", device).CombinedOutput(); err != nil {
			return fmt.Errorf("losetup: %w: %s", err, out)
		}
	}
	p.loops = nil
	return nil
}

// hold keeps a device in use until release.
func (p *Player) hold(device string) error {
	f, err := os.Open(device)
	p.held = f
	return err
}

func (p *Player) release() error { return p.held.Close() }
