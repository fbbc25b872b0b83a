// SPDX-License-Identifier: Apache-2.0

package uml

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/inspect"
	"github.com/orthrus-luks/orthrus/test/pace"
	"golang.org/x/sys/unix"
)

// This file runs in User-Mode Linux: the cells of TestGuardMatrix. To be cheap there, where starting a program
// takes a tenth of a second, one process looks at all volumes of a batch.

// cellsEnv names the file with the batches, and makes this program try them.
const cellsEnv = "ORTHRUS_UML_CELLS"

// What a cell comes to.
const (
	untouched = "untouched"
	mended    = "mended"
	written   = "written"
)

// batch is volumes of one shape before one guard.
type batch struct {
	Shape, When string
	Cells       []cell
}

// cell is one volume and what happens to it.
type cell struct {
	N                  int // of the volume: its UUID
	Name, Script, Want string
	Dead               bool // the key "two" is revoked by it
}

func uuidNumber(n int) string { return fmt.Sprintf("11111111-2222-4333-8444-%012d", n) }

// volumesOf is the directory with the files of a volume.
func volumesOf(dir, shape string, n int) string {
	return filepath.Join(dir, strings.ReplaceAll(shape, " ", "-"), strconv.Itoa(n))
}

// words are for the scripts of happenings.
const words = `
export PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH DM_DISABLE_UDEV=1
cost="--pbkdf pbkdf2 --pbkdf-force-iterations 1000"
size=$(stat -c %s "$img")
zero() { dd if=/dev/zero of=$h bs=1k seek=$1 count=$2 conv=notrunc status=none; }
noise() { dd if=/dev/urandom of=$h bs=1k seek=$1 count=$2 conv=notrunc status=none; }
linear() { dmsetup create lin$N --table "0 2048 linear $h 0"; }
beside() { cp --sparse=always $1 beside$N && losetup -f beside$N; }
`

// setups attach the volume of a shape.
const setups = `
node=$(losetup -f --show "$img") && h=$node && data= && vault= || exit 1
if [ -n "$under" ]; then
	dmsetup create under$N --table "0 $(blockdev --getsz $node) linear $node 0" && h=/dev/mapper/under$N || exit 1
fi
case $shape in
mapped|mounted) vault=vault$N; cryptsetup open --key-file one $h $vault || exit 1 ;;
detached)
	truncate -s 8M data$N; data=$(losetup -f --show data$N) && vault=vault$N &&
	cryptsetup open --header $h --key-file one $data $vault || exit 1 ;;
esac
if [ $shape = mounted ]; then
	mkdir mnt$N && mkfs.ext4 -q /dev/mapper/$vault && mount /dev/mapper/$vault mnt$N || exit 1
fi
echo "$node $h $vault"
`

const cleanup = `
for m in $(dmsetup ls 2>/dev/null | cut -f1); do dmsetup resume $m; done
for m in mnt*; do umount $m; done
for m in $(dmsetup ls | cut -f1); do case $m in under*) ;; *) dmsetup remove $m ;; esac; done
dmsetup remove_all; blockdev --setrw /dev/loop[0-9]*; losetup -D
`

// trial is a batch at work.
type trial struct {
	batch
	common string // the host's directory with the volumes
	dir    string
	guard  *exec.Cmd
	cells  []*try
	spent  []string
	since  time.Time
}

// took notes what a part of a batch took.
func (t *trial) took(part string) {
	if !t.since.IsZero() {
		t.spent = append(t.spent, part+" "+time.Since(t.since).Round(time.Second/10).String())
	}
	t.since = time.Now()
}

// try is a cell at work.
type try struct {
	cell
	env        []string
	image, dev string
	kept       int
	event      string
	before     sight
}

// sight is what a device shows.
type sight struct {
	begin []byte // heads and keyslots
	rest  uint32 // sum of the data
	two   bool   // the key opens it
}

// tryCells is the program that runs in the kernel.
func tryCells(plan string) error {
	text, err := os.ReadFile(plan)
	if err != nil {
		return err
	}
	var list []batch
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	for i, b := range list {
		began := time.Now()
		t := &trial{batch: b, common: filepath.Dir(filepath.Dir(plan)), dir: fmt.Sprintf("/run/t/%d", i)}
		if err := t.run(); err != nil {
			fmt.Printf("FAIL batch %d, %s, %s: %v\n", i, b.Shape, b.When, err)
		}
		fmt.Printf("LOG batch %d, %s, %s: %d cells took %v: %s\n", i, b.Shape, b.When, len(b.Cells),
			time.Since(began).Round(time.Second/10), strings.Join(t.spent, ", "))
	}
	return nil
}

func (t *trial) run() error {
	for _, dir := range []string{"/run/state", t.dir} {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(t.dir, 0o700); err != nil {
		return err
	}
	defer func() {
		t.shell(cleanup, nil)
		_ = os.RemoveAll(t.dir)
	}()
	for _, name := range []string{"one", "two", "three"} {
		if err := os.WriteFile(filepath.Join(t.dir, name), []byte(name), 0o600); err != nil {
			return err
		}
	}
	t.took("")
	for _, c := range t.Cells {
		one, err := t.attach(c)
		if err != nil {
			return fmt.Errorf("%s: %w", c.Name, err)
		}
		t.cells = append(t.cells, one)
	}
	t.took("attaching")
	if err := t.start(true); err != nil {
		return err
	}
	t.rest() // on a slow machine it calls itself ready before
	t.took("first look")
	t.happen()
	t.took("events")
	if err := t.meanwhile(); err != nil {
		return err
	}
	t.took("second start")
	t.judge()
	t.took("judging")
	return nil
}

// shell runs a script of words.
func (t *trial) shell(script string, env []string) (string, error) {
	cmd := exec.Command("sh", "-c", script)
	cmd.Dir, cmd.Env = t.dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// attach makes the volume of a cell and what stands on it.
func (t *trial) attach(c cell) (*try, error) {
	from := volumesOf(t.common, t.Shape, c.N)
	if _, err := os.Stat(from); err != nil {
		from = volumesOf(t.common, t.Shape, 0)
	}
	for _, name := range []string{"img", "backup", "newest", "impostor"} {
		if err := copyVolume(filepath.Join(from, name), filepath.Join(t.dir, fmt.Sprint(name, c.N)), uuidNumber(c.N)); err != nil {
			return nil, err
		}
	}
	one := &try{cell: c, image: filepath.Join(t.dir, fmt.Sprint("img", c.N))}
	under := ""
	if c.Name == unreadable {
		under = "yes"
	}
	one.env = []string{
		"img=" + one.image, fmt.Sprint("N=", c.N), "uuid=" + uuidNumber(c.N), "shape=" + t.Shape, "under=" + under,
		"backup=" + fmt.Sprint("backup", c.N), "newest=" + fmt.Sprint("newest", c.N), "impostor=" + fmt.Sprint("impostor", c.N),
	}
	out, err := t.shell(words+setups, one.env)
	fields := strings.Fields(out)
	if err != nil || len(fields) < 2 {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	one.dev = fields[1]
	vault := ""
	if len(fields) > 2 {
		vault = fields[2]
	}
	one.env = append(one.env, "node="+fields[0], "h="+one.dev, "vault="+vault)
	return one, nil
}

// start runs the guard; to the end of its first look, where that is wanted.
func (t *trial) start(wait bool) error {
	log, err := os.OpenFile(t.dir+"/log", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	conf := "repair = proven\nremovable = yes\nsettle = 10ms\n"
	if err := os.WriteFile(t.dir+"/conf", []byte(conf), 0o600); err != nil {
		return err
	}
	t.guard = exec.Command("orthrus", "guard", "--config", t.dir+"/conf")
	t.guard.Stdout, t.guard.Stderr = log, log
	if err := t.guard.Start(); err != nil || !wait {
		return err
	}
	for end := time.Now().Add(pace.Limit(time.Minute)); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if text, _ := os.ReadFile(t.dir + "/log"); bytes.Contains(text, []byte("every device was looked at")) {
			return nil
		}
	}
	return fmt.Errorf("the guard does not say that it has looked at everything")
}

func (t *trial) stop() {
	_ = t.guard.Process.Signal(unix.SIGCONT)
	_ = t.guard.Process.Signal(unix.SIGTERM)
	_ = t.guard.Wait()
}

// happen has it all happen while the guard does not run.
func (t *trial) happen() {
	for _, c := range t.cells {
		c.kept = keptHeads(c.N)
	}
	if t.When == "after" {
		t.stop()
	} else {
		_ = t.guard.Process.Signal(unix.SIGSTOP)
	}
	for _, c := range t.cells {
		out, err := t.shell(words+c.Script, c.env)
		c.event = "done"
		if err != nil {
			c.event = "refused"
			fmt.Printf("LOG %s, %s: %s\n", t.Shape, c.Name, strings.ReplaceAll(out, "\n", "; "))
		}
		c.before = c.look()
	}
}

// meanwhile is what the guard does, up, killed or started after, and then once more after another start.
func (t *trial) meanwhile() error {
	switch t.When {
	case "up":
		_ = t.guard.Process.Signal(unix.SIGCONT)
	case "after":
		if err := t.start(true); err != nil {
			return err
		}
	case "killed":
		_ = t.guard.Process.Signal(unix.SIGCONT)
		for range 6 {
			time.Sleep(time.Duration(rand.IntN(1500)) * time.Millisecond)
			_ = t.guard.Process.Kill()
			_ = t.guard.Wait()
			if err := t.start(false); err != nil {
				return err
			}
		}
	}
	t.rest()
	t.keepLog("1")
	t.took("guarding")
	t.stop()
	if err := t.start(true); err != nil {
		return err
	}
	t.rest()
	t.keepLog("2")
	t.stop()
	return nil
}

func (t *trial) keepLog(n string) { _ = os.Rename(t.dir+"/log", t.dir+"/log"+n) }

// rest waits until the guard has used hardly any processor time for a while.
func (t *trial) rest() {
	const quiet = 6
	last, still := -1, 0
	for end := time.Now().Add(pace.Limit(time.Minute)); time.Now().Before(end) && still < quiet; time.Sleep(300 * time.Millisecond) {
		now := ticks(t.guard.Process.Pid)
		if still++; last < 0 || now-last > 3 {
			still = 0
		}
		last = now
	}
}

// ticks is the processor time that a process has used, in hundredths of a second.
func ticks(pid int) int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return user + system
}

// judge holds what became of the cells against the rule.
func (t *trial) judge() {
	for _, c := range t.cells {
		now := c.look()
		got := c.became(now)
		verdict := "ok"
		switch {
		case got != c.Want && c.event == "refused" && got == mended && c.Want == untouched:
			verdict = "FALSE: nothing had happened"
		case got != c.Want:
			verdict = "FALSE: expected " + c.Want
		case now.rest != c.before.rest && t.Shape != "mounted":
			verdict = "DATA WRITTEN"
		}
		if now.two && !c.before.two && (c.Dead && c.event == "done" || got != mended) {
			verdict = "KEY BACK"
		}
		if !c.Dead && keptHeads(c.N) < c.kept {
			verdict = "KEPT HEAD LOST"
		}
		fmt.Printf("CELL|%s|%s|%s|%s|%s|%s\n", t.Shape, c.Name, t.When, c.event, got, verdict)
		if verdict != "ok" {
			t.tell(c)
		}
	}
}

// tell prints what the guard said of a volume.
func (t *trial) tell(c *try) {
	for _, n := range []string{"1", "2"} {
		text, _ := os.ReadFile(t.dir + "/log" + n)
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, c.dev+" ") || strings.Contains(line, uuidNumber(c.N)) {
				fmt.Println("LOG", strings.TrimSpace(line))
			}
		}
	}
}

// beginSize is how much of a volume is compared: heads and keyslots.
const beginSize = 800 << 10

// became: both copies are in order, and nothing but them was written; or nothing at all.
func (c *try) became(now sight) string {
	if bytes.Equal(now.begin, c.before.begin) {
		return untouched
	}
	file, err := luks.OpenDevice(c.dev, luks.DeviceOptions{NoLocks: true})
	if err != nil {
		return written
	}
	defer file.Close()
	e := inspect.Read(file)
	head := 2 * smallHead
	if e.ChoiceErr == nil && e.Choice.Copy.Metadata != nil && e.Choice.Healthy() &&
		bytes.Equal(now.begin[head:], c.before.begin[head:]) {
		return mended
	}
	return written
}

// look reads past the cache.
func (c *try) look() sight {
	var s sight
	s.begin = direct(c.dev)
	s.two = opensWith(c.dev, "two")
	if f, err := os.Open(c.image); err == nil {
		hash := crc32.NewIEEE()
		_, _ = io.Copy(hash, io.NewSectionReader(f, 3<<20, 17<<20))
		s.rest = hash.Sum32()
		_ = f.Close()
	}
	return s
}

// direct reads the begin of a device; where sectors cannot be read there is nothing in their place.
func direct(dev string) []byte {
	p, err := unix.Mmap(-1, 0, beginSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		panic(err)
	}
	defer func() { _ = unix.Munmap(p) }()
	fd, err := unix.Open(dev, unix.O_RDONLY|unix.O_DIRECT|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	for at := 0; at < len(p); at += 4096 {
		_, _ = unix.Pread(fd, p[at:at+4096], int64(at))
	}
	return bytes.Clone(p)
}

func opensWith(dev, key string) bool {
	file, err := luks.OpenDevice(dev, luks.DeviceOptions{NoLocks: true})
	if err != nil {
		return false
	}
	defer file.Close()
	v, err := luks.Load(context.Background(), file)
	if err != nil {
		return false
	}
	k, err := v.Unlock(context.Background(), []byte(key), luks.UnlockOptions{})
	if err != nil {
		return false
	}
	_ = k.Close()
	return true
}

func keptHeads(n int) int {
	paths, _ := filepath.Glob("/run/state/guard/" + uuidNumber(n) + "/head-*")
	return len(paths)
}

const (
	smallHead = 16 << 10
	sumAt     = 448 // of the checksum in a head, bytes; its field has 64
)

// copyVolume copies an image, leaving its holes, and gives it a UUID, unless it has it already.
func copyVolume(from, to, uuid string) error {
	p, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	rename(p, uuid)
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	defer f.Close()
	const block = 64 << 10
	none := make([]byte, block)
	for at := 0; at < len(p); at += block {
		if part := p[at:min(at+block, len(p))]; !bytes.Equal(part, none[:len(part)]) {
			if _, err := f.WriteAt(part, int64(at)); err != nil {
				return err
			}
		}
	}
	return f.Truncate(int64(len(p)))
}

// rename gives the heads of a volume another UUID.
func rename(p []byte, uuid string) {
	const uuidAt, versionAt = 168, 6
	if bytes.Equal(p[uuidAt:uuidAt+len(uuid)], []byte(uuid)) {
		return
	}
	copy(p[uuidAt:], uuid)
	if binary.BigEndian.Uint16(p[versionAt:]) == 1 {
		return
	}
	copy(p[smallHead+uuidAt:], uuid)
	seal(p[:smallHead])
	seal(p[smallHead : 2*smallHead])
}

// seal makes the checksum of a head right.
func seal(head []byte) {
	clear(head[sumAt : sumAt+64])
	sum := sha256.Sum256(head)
	copy(head[sumAt:], sum[:])
}
