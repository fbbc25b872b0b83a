// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/cpio"
)

// guestPlan tells the guest's init what to do; it lies in /machine.json.
type guestPlan struct {
	Load []string // modules to load, in order
	Dir  string   // working directory of what runs inside
	Env  []string

	Root  string   `json:",omitempty"` // name of the disk with the root; none: the initramfs itself
	Files []string `json:",omitempty"` // what the initramfs brings into that root
}

const planFile = "/machine.json"

// mergedDirs are the links every Debian has since directories were merged into
// /usr, so that programs and libraries are found by either path.
var mergedDirs = []string{"bin", "sbin", "lib", "lib64"}

// image collects what goes into an initramfs.
type image struct {
	*cpio.Writer
	plan guestPlan
}

// writeInitramfs makes the initial file system of a machine.
func writeInitramfs(file, self string, cfg Config, k kernel, binaries map[string]string) (err error) {
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("machine: initramfs: %w", err)
	}
	defer func() { err = firstError(err, f.Close()) }()
	buffered := bufio.NewWriterSize(f, 1<<20)
	img := &image{Writer: cpio.NewWriter(buffered)}
	if err := img.fill(self, cfg, k, binaries); err != nil {
		return fmt.Errorf("machine: initramfs: %w", err)
	}
	return firstError(img.Close(), buffered.Flush())
}

func (img *image) fill(self string, cfg Config, k kernel, binaries map[string]string) error {
	img.skeleton()
	skeleton := img.Names()
	img.plan = guestPlan{Load: append(slices.Clone(bootModules), cfg.Load...), Dir: "/", Env: cfg.Env}
	if cfg.Debian != nil {
		img.plan.Root, img.plan.Load = debianDisk, append(img.plan.Load, "ext4")
	}
	if err := img.copyFile("/init", self); err != nil {
		return err
	}
	for name, file := range binaries {
		if err := img.copyFile("/usr/bin/"+name, file); err != nil {
			return err
		}
	}
	if err := img.modules(k, append(slices.Clone(cfg.Modules), img.plan.Load...)); err != nil {
		return err
	}
	if err := img.programs(cfg.Programs); err != nil {
		return err
	}
	if err := img.peers(cfg.Peers); err != nil {
		return err
	}
	if err := img.files(cfg); err != nil {
		return err
	}
	if img.plan.Root != "" {
		img.plan.Files = img.since(skeleton)
	}
	plan, err := json.Marshal(img.plan)
	img.File(planFile, 0o644, plan)
	return err
}

// since lists what was added to the archive after its first names.
func (img *image) since(before []string) []string {
	names := slices.Sorted(slices.Values(img.Names()))
	return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(before, name) })
}

// bootModules are those without which the guest cannot speak to the host.
var bootModules = []string{"virtio_pci", "virtio_console", "virtio_blk"}

func (img *image) skeleton() {
	for _, dir := range []string{
		"/dev", "/proc", "/sys", "/run", "/tmp", "/root", "/etc", "/mnt", "/var/tmp",
		"/usr/bin",
	} {
		img.MkdirAll(dir)
	}
	for _, dir := range mergedDirs {
		img.MkdirAll("/usr/" + dir)
		img.Symlink("/"+dir, "usr/"+dir)
	}
	img.Char("/dev/console", 5, 1)
	img.Symlink("/var/run", "../run")
	img.Symlink("/etc/mtab", "../proc/self/mounts")
	img.Symlink(modprobePath, "/init")
	img.File("/etc/passwd", 0o644, []byte("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"))
	img.File("/etc/group", 0o644, []byte("root:x:0:\ndisk:x:6:\nnogroup:x:65534:\n"))
}

func (img *image) modules(k kernel, names []string) error {
	tree, err := openModules(k.modules)
	if err != nil {
		return err
	}
	found, err := tree.collect(names)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		img.File(merged(found[name].Path), 0o644, found[name].data)
	}
	text, err := json.Marshal(found)
	img.File(merged(modulesFile), 0o644, text)
	return err
}

func (img *image) files(cfg Config) error {
	if wd, err := os.Getwd(); err == nil && isDir(filepath.Join(wd, "testdata")) {
		img.plan.Dir = "/pkg"
		if err := img.copyTree("/pkg/testdata", filepath.Join(wd, "testdata")); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Files)) {
		if err := img.copyTree(name, cfg.Files[name]); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Links)) {
		img.Symlink(merged(name), cfg.Links[name])
	}
	return nil
}

// copyTree copies a file or a directory, links in it as links.
func (img *image) copyTree(to, from string) error {
	root, err := filepath.EvalSymlinks(from)
	if err != nil {
		return err
	}
	return filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return img.copyEntry(path.Join(to, strings.TrimPrefix(p, root)), p, e)
	})
}

func (img *image) copyEntry(to, from string, e fs.DirEntry) error {
	switch {
	case e.IsDir():
		img.MkdirAll(merged(to))
		return nil
	case e.Type()&fs.ModeSymlink != 0:
		target, err := os.Readlink(from)
		img.Symlink(merged(to), target)
		return err
	case e.Type().IsRegular():
		return img.copyFile(to, from)
	}
	return fmt.Errorf("%s: not a file, directory or link", from)
}

func (img *image) copyFile(to, from string) error {
	to = merged(to)
	if img.Has(to) {
		return nil
	}
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(from)
	img.File(to, info.Mode(), data)
	return err
}

// merged maps /bin/x to /usr/bin/x: in the archive the former is a link.
func merged(name string) string {
	name = path.Clean(name)
	for _, dir := range mergedDirs {
		if strings.HasPrefix(name, "/"+dir+"/") {
			return "/usr" + name
		}
	}
	return name
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
