// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"fmt"
	"os"
	"path/filepath"
)

const peersDir = "/peer"

// Peer returns the path of a Debian release's cryptsetup ("bookworm", 2.6.1;
// "trixie", 2.7.5), which scripts/setup unpacked with its own libraries. It
// works on the host, and inside where Config.Peers names the release.
func Peer(release string) (string, error) {
	dir := filepath.Join(peersDir, release)
	if !IsInside() {
		cache, err := CacheDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(cache, "peer", release)
	}
	file := filepath.Join(dir, "cryptsetup")
	if _, err := os.Stat(file); err != nil {
		return "", fmt.Errorf("machine: cryptsetup of %s: %w: %w", release, ErrMissing, err)
	}
	return file, nil
}

// peers copies the releases of Config.Peers; their start script needs a shell,
// which a Debian has.
func (img *image) peers(releases []string) error {
	for _, release := range releases {
		file, err := Peer(release)
		if err != nil {
			return err
		}
		if err := img.copyTree(filepath.Join(peersDir, release), filepath.Dir(file)); err != nil {
			return err
		}
	}
	if len(releases) == 0 || img.plan.Root != "" {
		return nil
	}
	return img.programs([]string{"sh"})
}

// Dropbear returns the directory with the files of Debian's dropbear-initramfs and what it needs, as they lie below the
// root of the machine's Debian; scripts/setup unpacked it.
func Dropbear() (string, error) {
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "dropbear", "root")
	if _, err := os.Stat(dir); err != nil {
		return "", fmt.Errorf("machine: dropbear: %w: %w", ErrMissing, err)
	}
	return dir, nil
}
