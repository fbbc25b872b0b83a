// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/pace"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// verifiedInit is the init of the verified root: it says where its root is, reads a file that fills most of it, and
// ends the machine.
const verifiedInit = `package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

func main() {
	_ = syscall.Mount("proc", "/proc", "proc", 0, "")
	mounts, err := os.ReadFile("/proc/mounts")
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, " / ") {
			fmt.Print("the root is ", line)
		}
		if strings.Contains(line, " /usr ") {
			fmt.Print("/usr is ", line)
		}
	}
	content, err := os.ReadFile("/content")
	fmt.Println("the content has", len(content), "bytes:", err)
	if said, err := os.ReadFile("/usr/said"); err == nil {
		fmt.Print("/usr says ", string(said))
	}
	_ = syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF)
}
`

// verifiedRoot is a disk image with a root, its tree and its parity in three partitions, a signature of its root hash,
// a /usr with its tree in two, and what makes it start.
type verifiedRoot struct {
	dir, orthrus, image, disk, root, usr string
}

const (
	rootBytes   = 48 << 20
	contentSize = 24 << 20
	partitionAt = 1 << 20
	rootHashAt  = partitionAt + rootBytes
	rootFECAt   = rootHashAt + 2<<20
	signatureAt = rootFECAt + 2<<20
	usrAt       = signatureAt + 1<<20
	usrBytes    = 8 << 20
	usrHashAt   = usrAt + usrBytes
)

// The type of a partition with the signature of a root.
const signatureType = "41092b05-9fc8-4523-994f-2def0408b176"

func makeVerifiedRoot(t *testing.T) *verifiedRoot {
	t.Helper()
	v := &verifiedRoot{dir: t.TempDir()}
	v.orthrus = filepath.Join(v.dir, "orthrus")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", v.orthrus,
		"github.com/orthrus-luks/orthrus/cmd/orthrus")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	v.tool(t, "mkdir", "-p", "tree/sbin", "tree/proc", "tree/dev", "tree/sys", "tree/run", "tree/etc", "tree/usr",
		"system/etc", "system/lib/modules")
	v.write(t, "init.go", []byte(verifiedInit))
	v.tool(t, "go", "build", "-o", "tree/sbin/init", "init.go")
	v.write(t, "tree/content", bytes.Repeat([]byte("what nobody changes\n"), contentSize/20))
	v.tool(t, "mkfs.ext4", "-q", "-b", "4096", "-d", "tree", "-O", "^has_journal", "root.img",
		fmt.Sprint(rootBytes/4096))
	v.tool(t, v.orthrus, "verity", "format", "root.img", "hash.img", "--fec-device", "fec.img",
		"--root-hash-file", "roothash")
	v.root = string(v.read(t, "roothash"))
	v.tool(t, "mkdir", "-p", "usr")
	v.write(t, "usr/said", []byte("hello\n"))
	v.tool(t, "mkfs.ext4", "-q", "-b", "4096", "-d", "usr", "-O", "^has_journal", "usr.img", fmt.Sprint(usrBytes/4096))
	v.tool(t, v.orthrus, "verity", "format", "usr.img", "usrhash.img", "--root-hash-file", "usrroothash")
	v.usr = string(v.read(t, "usrroothash"))
	v.write(t, "signature.img", []byte(`{"rootHash":"`+v.root+`","signature":"`+strangersSignature+`"}`))
	v.assemble(t)
	v.makeImage(t)
	return v
}

// assemble makes the disk: the uuids of the first two partitions are the two ends of the root hash.
func (v *verifiedRoot) assemble(t *testing.T) {
	t.Helper()
	v.disk = filepath.Join(v.dir, "disk")
	v.tool(t, "truncate", "-s", "72M", "disk")
	part := func(at, size int, id string) string {
		return fmt.Sprintf("start=%d, size=%d, type=L%s\n", at/512, size/512, id)
	}
	uuid := func(digits string) string { return ", uuid=" + partUUID(digits) }
	hash := len(v.read(t, "hash.img")) // no more: parity is of the hash device up to its end
	v.write(t, "partitions", []byte("label: gpt\n"+part(partitionAt, rootBytes, uuid(v.root[:32]))+
		part(rootHashAt, hash, uuid(v.root[32:]))+part(rootFECAt, 2<<20, ", name=fec")+
		"start="+fmt.Sprint(signatureAt/512)+", size=2048, type="+signatureType+"\n"+
		part(usrAt, usrBytes, uuid(v.usr[:32]))+part(usrHashAt, len(v.read(t, "usrhash.img")), uuid(v.usr[32:]))))
	v.tool(t, "sh", "-c", "sfdisk -q disk <partitions")
	for name, at := range map[string]int64{
		"root.img": partitionAt, "hash.img": rootHashAt, "fec.img": rootFECAt, "signature.img": signatureAt,
		"usr.img": usrAt, "usrhash.img": usrHashAt,
	} {
		v.overwrite(t, "disk", at, v.read(t, name))
	}
}

func partUUID(x string) string {
	return x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:]
}

// seal encrypts the root on a disk of its own, which a key file of the system opens.
func (v *verifiedRoot) seal(t *testing.T) machine.Disk {
	t.Helper()
	v.write(t, "system/etc/key", []byte("a key file\n"))
	v.tool(t, "truncate", "-s", fmt.Sprint(rootBytes+16<<20), "sealed.img")
	disk := machine.Disk{Name: "sealed", File: filepath.Join(v.dir, "sealed.img")}
	m, err := machine.Start(t.Context(), machine.Config{
		Modules:  []string{"dm-mod", "dm-crypt", "xts", "aes_generic", "sha256_generic"},
		Programs: []string{"sh", "dd"},
		Build:    []string{"github.com/orthrus-luks/orthrus/cmd/orthrus"},
		Files:    map[string]string{"/key": filepath.Join(v.dir, "system/etc/key")},
		Disks:    []machine.Disk{disk, {Name: "root", File: filepath.Join(v.dir, "root.img"), ReadOnly: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	const script = "orthrus luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file /key /dev/vda && " +
		"orthrus open --key-file /key /dev/vda below && dd if=/dev/vdb of=/dev/mapper/below bs=1M && " +
		"orthrus close below && dd if=/dev/null of=/dev/vda conv=fsync,notrunc"
	code, err := m.Run(t.Context(), machine.Command{Args: []string{"sh", "-ec", script}})
	if err != nil || code != 0 {
		t.Fatalf("exit %d, %v\n%s", code, err, m.Console().Tail(30))
	}
	return machine.Disk{Name: "sealed", File: disk.File, ReadOnly: true}
}

// makeImage runs mkinitramfs for a system that has the kernel's modules and no tables.
func (v *verifiedRoot) makeImage(t *testing.T) {
	t.Helper()
	modules, err := machine.KernelModules()
	if err != nil {
		t.Fatal(err)
	}
	version := filepath.Base(modules)
	if err := os.Symlink(modules, filepath.Join(v.dir, "system/lib/modules", version)); err != nil {
		t.Fatal(err)
	}
	v.image = v.makeAnother(t, "image", "")
}

// makeAnother makes an image with other tables of the system.
func (v *verifiedRoot) makeAnother(t *testing.T, name, veritytab string, options ...string) string {
	t.Helper()
	v.write(t, "system/etc/veritytab", []byte(veritytab))
	modules, err := machine.KernelModules()
	if err != nil {
		t.Fatal(err)
	}
	v.tool(t, v.orthrus, append([]string{
		"mkinitramfs", "--sysroot", "system", "--kernel", filepath.Base(modules), "-o", name,
	}, options...)...)
	return filepath.Join(v.dir, name)
}

func (v *verifiedRoot) tool(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = v.dir, append(os.Environ(), "CGO_ENABLED=0", "GO111MODULE=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

func (v *verifiedRoot) write(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(v.dir, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (v *verifiedRoot) read(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(v.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func (v *verifiedRoot) overwrite(t *testing.T, name string, at int64, content []byte) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(v.dir, name), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(content, at); err != nil {
		t.Fatal(err)
	}
}

// boots powers a machine on and waits for what its console is to show.
func (v *verifiedRoot) boots(t *testing.T, kernelArgs []string, shows ...string) {
	t.Helper()
	v.bootsFrom(t, v.image, nil, kernelArgs, shows...)
}

// bootsFrom takes another image, and more disks.
func (v *verifiedRoot) bootsFrom(
	t *testing.T, image string, disks []machine.Disk, kernelArgs []string, shows ...string,
) {
	t.Helper()
	v.bootsOn(t, nil, image, disks, kernelArgs, shows...)
}

// bootsOn also takes another machine.
func (v *verifiedRoot) bootsOn(
	t *testing.T, qemuArgs []string, image string, disks []machine.Disk, kernelArgs []string, shows ...string,
) {
	t.Helper()
	m, err := machine.Start(t.Context(), machine.Config{
		Initramfs: image, Memory: 256, QEMUArgs: qemuArgs,
		Disks:      append([]machine.Disk{{Name: "disk", File: v.disk, ReadOnly: true}}, disks...),
		KernelArgs: append([]string{"quiet", "loglevel=4"}, kernelArgs...),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	ctx, cancel := context.WithTimeout(t.Context(), pace.Limit(90*time.Second))
	defer cancel()
	mark := 0
	for _, text := range shows {
		if mark, err = m.Console().Expect(ctx, mark, text); err != nil {
			t.Fatalf("%q: %v\n%s", text, err, m.Console().Tail(60))
		}
	}
}

// From power on to the init of a root that every block of is verified; nothing but the command line says which.
func TestVerityRootBootsFromPowerOn(t *testing.T) {
	if machine.IsInside() {
		return
	}
	v := makeVerifiedRoot(t)
	whole := fmt.Sprintf("the content has %d bytes: <nil>", contentSize/20*20)
	upper := "systemd.verity_root_data=/dev/vda1 systemd.verity_root_hash=/dev/vda2 "
	t.Run("partitions by the hash", func(t *testing.T) {
		v.boots(t, []string{"roothash=" + v.root}, "the root is /dev/mapper/root / ext4 ro", whole)
	})
	t.Run("named devices", func(t *testing.T) {
		v.boots(t, []string{"rw", upper + "roothash=" + v.root + " systemd.verity_root_options=panic-on-corruption"},
			"the root is /dev/mapper/root / ext4 ro", whole)
	})
	t.Run("another root hash", func(t *testing.T) {
		v.boots(t, []string{upper + "roothash=" + strings.Repeat("00", 32)},
			"Verification of root hash failed.", "The machine goes down")
	})
	t.Run("an option that is not known", func(t *testing.T) {
		v.boots(t, []string{upper + "roothash=" + v.root + " systemd.verity_root_options=trust-all"},
			`"trust-all" is no option of veritytab(5)`, "The machine goes down")
	})
	t.Run("a /usr of its own", func(t *testing.T) {
		v.boots(t, []string{"rw", "roothash=" + v.root + " usrhash=" + v.usr}, "the root is /dev/mapper/root / ext4 ro",
			"/usr is /dev/mapper/usr /usr ext4 ro", whole, "/usr says hello")
	})
	t.Run("signatures that nobody trusts", func(t *testing.T) {
		for _, args := range []string{
			"roothash=-", "roothash=" + v.root + " systemd.verity_root_options=root-hash-signature=auto",
		} {
			v.boots(t, []string{args}, "The kernel trusts no key that the root hash is signed with.",
				"The machine goes down")
		}
	})
	t.Run("a signature that the kernel trusts", func(t *testing.T) {
		a := newVerityAuthority(t)
		kernel := a.trustedBy(t, v.dir)
		signature := base64.StdEncoding.EncodeToString(a.sign(t, v.root))
		v.overwrite(t, "disk", signatureAt, []byte(`{"rootHash":"`+v.root+`","signature":"`+signature+`"}`+"\x00"))
		for _, args := range []string{
			"roothash=-", "roothash=" + v.root + " systemd.verity_root_options=root-hash-signature=auto",
		} {
			v.bootsOn(t, kernel, v.image, nil, []string{args}, "the root is /dev/mapper/root / ext4 ro", whole)
		}
	})
	t.Run("a table", func(t *testing.T) {
		image := v.makeAnother(t, "tabled", "system PARTUUID="+partUUID(v.root[:32])+" /dev/vda2 "+v.root+
			" x-initrd.attach\nother /dev/vdz /dev/vdz 00 x-initrd.attach,nofail\nlater /dev/vdy /dev/vdy 00\n")
		v.bootsFrom(t, image, nil, []string{"root=/dev/mapper/system"}, "veritytab line 2: the data:",
			"the root is /dev/mapper/system / ext4 ro", whole)
	})
	t.Run("LUKS below", func(t *testing.T) {
		disk := v.seal(t)
		v.write(t, "system/etc/crypttab", []byte("below /dev/vdb /etc/key luks,x-initrd.attach\n"))
		v.bootsFrom(t, v.makeAnother(t, "sealed", "", "--include-keys"), []machine.Disk{disk}, []string{
			"roothash=" + v.root, "systemd.verity_root_data=/dev/mapper/below",
		}, "the root is /dev/mapper/root / ext4 ro", whole)
	})
	content := v.read(t, "root.img")
	at := int64(bytes.LastIndex(content, []byte("what nobody changes\n")))
	v.overwrite(t, "disk", partitionAt+at, []byte("WHAT"))
	t.Run("a changed block", func(t *testing.T) {
		v.boots(t, []string{"roothash=" + v.root}, "the content has", "input/output error")
	})
	t.Run("a changed block and parity", func(t *testing.T) {
		v.boots(t, []string{"roothash=" + v.root, "systemd.verity_root_options=fec-device=PARTLABEL=fec"}, whole)
	})
}
