// SPDX-License-Identifier: Apache-2.0

package block

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// root is the directory that holds sys, proc, dev and run: "/" but for tests.
type root string

const system root = "/"

func (r root) path(parts ...string) string {
	return filepath.Join(append([]string{string(r)}, parts...)...)
}

// number is a block device's major and minor.
type number struct{ major, minor uint32 }

func (n number) String() string { return fmt.Sprintf("%d:%d", n.major, n.minor) }

func parseNumber(s string) (number, bool) {
	major, minor, found := strings.Cut(strings.TrimSpace(s), ":")
	a, err1 := strconv.ParseUint(major, 10, 32)
	b, err2 := strconv.ParseUint(minor, 10, 32)
	return number{uint32(a), uint32(b)}, found && err1 == nil && err2 == nil
}

// sysDir is a block device's own directory in sysfs, e.g. …/block/sda/sda1, links resolved.
func (r root) sysDir(n number) (string, error) {
	return filepath.EvalSymlinks(r.path("sys/dev/block", n.String()))
}

// wholeDisk is the directory of the disk that a partition lies on; for a disk, its own.
func wholeDisk(dir string) string {
	if _, err := os.Stat(filepath.Join(dir, "partition")); err == nil {
		return filepath.Dir(dir)
	}
	return dir
}

// ReadAttribute reads one file below a directory of sysfs or procfs, without blanks around it: "" where it is
// absent.
func ReadAttribute(dir, name string) string {
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

func integer(dir, name string) int64 {
	n, _ := strconv.ParseInt(ReadAttribute(dir, name), 10, 64)
	return n
}

// nodeName is the path of a device below /dev: the kernel writes '!' for '/'.
func nodeName(dir string) string {
	return strings.ReplaceAll(filepath.Base(dir), "!", "/")
}

func numberOf(dir string) (number, bool) { return parseNumber(ReadAttribute(dir, "dev")) }

// Attribute reads one file of a device's directory in sysfs, without its newline: "start", "dm/suspended",
// "queue/rotational". It is "" where the device or the file is absent.
func Attribute(major, minor uint32, name string) string {
	dir, err := system.sysDir(number{major, minor})
	if err != nil {
		return ""
	}
	return ReadAttribute(dir, name)
}
