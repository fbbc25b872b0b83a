// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/orthrus-luks/orthrus/luks/foreign/tcrypt"
	"github.com/orthrus-luks/orthrus/test/tcryptimage"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// tcryptSize is of the volumes, bytes: a disk that is exactly as large.
const tcryptSize = 1 << 20

// tcplayKinds are the volumes that tcplay makes: every chain it has, and every hash.
var tcplayKinds = []struct{ hash, ciphers, chain string }{
	{"RIPEMD160", "AES-256-XTS", "aes"},
	{"SHA512", "SERPENT-256-XTS", "serpent"},
	{"whirlpool", "TWOFISH-256-XTS", "twofish"},
	{"RIPEMD160", "TWOFISH-256-XTS,AES-256-XTS", "twofish-aes"},
	{"SHA512", "SERPENT-256-XTS,TWOFISH-256-XTS,AES-256-XTS", "serpent-twofish-aes"},
	{"whirlpool", "AES-256-XTS,SERPENT-256-XTS", "aes-serpent"},
	{"RIPEMD160", "AES-256-XTS,TWOFISH-256-XTS,SERPENT-256-XTS", "aes-twofish-serpent"},
	{"SHA512", "SERPENT-256-XTS,TWOFISH-256-XTS", "serpent-twofish"},
}

// TestTrueCryptVolumesOfTcplayAreMappedAsByCryptsetup: by tables that are cryptsetup's, and what the kernel encrypts
// user space reads.
func TestTrueCryptVolumesOfTcplayAreMappedAsByCryptsetup(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		disk := machine.Plug(t, machine.Disk{Name: "locked", Size: tcryptSize})
		t.Cleanup(func() { machine.Unplug(t, "locked") })
		equal := 0
		for _, kind := range tcplayKinds {
			passed := t.Run(kind.chain, func(t *testing.T) {
				b := newBench(t)
				b.tcplay("secret\nsecret\ny\n", "-c", "-d", disk, "-a", kind.hash, "-b", kind.ciphers, "-z", "-w")
				v := tcryptVolume{passphrase: "secret", chain: kind.chain, hash: kind.hash}
				b.tcryptAsByAll(disk, v)
			})
			if passed {
				equal++
			}
		}
		fmt.Printf("TrueCrypt: %d of %d volumes of tcplay are mapped as by cryptsetup, and read alike\n", equal, len(tcplayKinds))
	})
}

// TestTrueCryptHiddenVolumesAndKeyFilesOfTcplay: the outer volume, the hidden one, and both copies at the end.
func TestTrueCryptHiddenVolumesAndKeyFilesOfTcplay(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		disk := machine.Plug(t, machine.Disk{Name: "locked", Size: tcryptSize})
		t.Cleanup(func() { machine.Unplug(t, "locked") })
		b := newBench(t)
		b.tcplay("outer\nouter\ninner\ninner\n256K\ny\n", "-c", "-d", disk, "-g", "-a", "SHA512", "-b", "AES-256-XTS",
			"-z", "-w", "-k", "k1", "-f", "k2")
		for name, v := range map[string]tcryptVolume{
			"outer":         {passphrase: "outer", keys: "k1", chain: "aes"},
			"hidden":        {passphrase: "inner", keys: "k2", chain: "aes", options: "--tcrypt-hidden"},
			"outer backup":  {passphrase: "outer", keys: "k1", chain: "aes", options: "--tcrypt-backup"},
			"hidden backup": {passphrase: "inner", keys: "k2", chain: "aes", options: "--tcrypt-hidden --tcrypt-backup"},
		} {
			t.Run(name, func(t *testing.T) {
				(&bench{t, b.dir}).tcryptAsByAll(disk, v)
			})
		}
	})
}

// tcplay runs with answers to what it asks, one line after the other: it takes all that is there for one.
func (b *bench) tcplay(answers string, args ...string) {
	b.t.Helper()
	cmd := exec.Command("tcplay", args...)
	var said bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = b.dir, &said, &said
	in, out, err := os.Pipe()
	if err != nil {
		b.t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdin = in
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	for _, line := range strings.SplitAfter(answers, "\n") {
		if _, err := out.WriteString(line); err != nil {
			b.t.Fatal(err)
		}
		machine.Eventually(b.t, time.Minute, "tcplay to take its answer", func() bool {
			left, err := unix.IoctlGetInt(int(in.Fd()), unix.TIOCINQ)
			return err == nil && left == 0
		})
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		b.t.Fatalf("tcplay %q: %v\n%s", args, err, said.String())
	}
}

// tcryptVolume is what it takes to open a volume.
type tcryptVolume struct {
	passphrase, keys, options string
	chain, mode               string // that it has; mode "" is xts-plain64
	hash                      string // of its key derivation, where it matters to a release; Whirlpool does
	pim                       uint32
}

func (v tcryptVolume) args() string {
	text := v.options
	for _, key := range words(v.keys) {
		text += " --key-file " + key
	}
	if v.pim > 0 {
		text += fmt.Sprintf(" --veracrypt-pim %d", v.pim)
	}
	return text
}

// tcryptRun runs a program with the passphrase on its standard input.
func (b *bench) tcryptRun(p program, v tcryptVolume, args string) string {
	b.t.Helper()
	cmd := exec.Command(p.path, words(args+" "+v.args())...)
	cmd.Dir, cmd.Stdin = b.dir, strings.NewReader(v.passphrase+"\n")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		b.t.Fatalf("%s %s: %v\n%s", p.name, args, err, stderr.String())
	}
	return stdout.String()
}

// tcryptRefused is for a release that was built without the volume's hash: it finds no key.
func (b *bench) tcryptRefused(p program, v tcryptVolume, disk string) {
	b.t.Helper()
	cmd := exec.Command(p.path, words("tcryptDump "+disk+" "+v.args())...)
	cmd.Dir, cmd.Stdin = b.dir, strings.NewReader(v.passphrase+"\n")
	out, err := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != 2 {
		b.t.Errorf("%s opens what it has no %s for: exit code %d, %v\n%s", p.name, v.hash, code, err, out)
	}
}

// tcryptAsByAll compares ours with two releases of cryptsetup: what they say of the header, their tables and status. Each
// removes what the other made. Then it compares the kernel and user space.
func (b *bench) tcryptAsByAll(disk string, v tcryptVolume) {
	b.t.Helper()
	us := ours()
	dump := b.tcryptRun(us, v, "tcryptDump "+disk)
	if !strings.Contains(dump, "Cipher chain:\t"+v.chain+"\n") {
		b.t.Errorf("no chain %s:\n%s", v.chain, dump)
	}
	key := b.tcryptRun(us, v, "tcryptDump -q --dump-volume-key "+disk)
	seen := b.tcryptSeen(us, us, disk, v)
	for _, release := range []string{"bookworm", "trixie"} {
		them := real(b.t, release)
		if v.hash == "whirlpool" && release == "trixie" {
			b.tcryptRefused(them, v, disk)
			continue
		}
		if other := b.tcryptRun(them, v, "tcryptDump "+disk); tcryptOld(dump) != tcryptOld(other) {
			b.t.Errorf("tcryptDump of orthrus:\n%s\nof %s:\n%s", dump, release, other)
		}
		if other := b.tcryptRun(them, v, "tcryptDump -q --dump-volume-key "+disk); key != other {
			b.t.Errorf("volume key of orthrus:\n%s\nof %s:\n%s", key, release, other)
		}
		if other := b.tcryptSeen(them, us, disk, v); other != seen {
			b.t.Errorf("orthrus:\n%s\n%s:\n%s", seen, release, other)
		}
		if strings.Contains(v.chain, "-") {
			continue // before 2.8.1 cryptsetup does not find the lower levels of those that make them as it does since
		}
		if other := b.tcryptSeen(us, them, disk, v); other != seen {
			b.t.Errorf("orthrus, before %s removed it:\n%s\nwas:\n%s", release, other, seen)
		}
	}
	b.tcryptPlain(disk, v)
}

// tcryptOld leaves out what cryptsetup has from 2.8 on.
func tcryptOld(dump string) string {
	var kept []string
	for _, line := range strings.Split(strings.ReplaceAll(dump, " [bytes]", ""), "\n") {
		new := false
		for _, label := range []string{"Flags:", "Volume size:", "Hidden size:"} {
			new = new || strings.HasPrefix(line, label)
		}
		if !new {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

// tcryptSeen maps by one program, looks at all levels and the status, and removes by another.
func (b *bench) tcryptSeen(by, removes program, disk string, v tcryptVolume) string {
	b.t.Helper()
	levels := []string{"tab", "tab_1", "tab_2"}[:strings.Count(v.chain, "-")+1]
	for i := range levels {
		level := levels[len(levels)-1-i] // cleaned up from the top down
		b.t.Cleanup(func() { _ = exec.Command("dmsetup", "remove", "--retry", level).Run() })
	}
	b.tcryptRun(by, v, "open --type tcrypt "+disk+" tab")
	var seen string
	for i, level := range levels {
		one := lookAt(b.t, level)
		if i > 0 { // since 2.8.1
			one.info = strings.Replace(one.info, "CRYPT-SUBDEV-", "CRYPT-TCRYPT-", 1)
		}
		seen += fmt.Sprintf("%+v\n", one)
	}
	mode := v.mode
	if mode == "" {
		mode = "xts-plain64"
	}
	status := plainStatus(b.must(ours(), "status", "tab"))
	other := plainStatus(b.must(real(b.t, "trixie"), "status", "tab"))
	if status != other && (len(levels) == 1 || by.name != "orthrus") {
		b.t.Errorf("status:\n%s\ncryptsetup's:\n%s", status, other)
	}
	if !strings.Contains(status, v.chain+"-"+mode) || !strings.Contains(status, "TCRYPT") {
		b.t.Errorf("status:\n%s", status)
	}
	for _, verb := range []string{"resize", "refresh", "luksSuspend"} {
		b.refuses(ours(), 1, "is not a mapping that this program can change", verb, "tab")
	}
	b.must(removes, "close", "tab")
	for _, level := range levels {
		b.exits(ours(), 4, "status", level)
	}
	return seen + status
}

// tcryptPlain writes through the kernel and reads in user space, and compares the whole.
func (b *bench) tcryptPlain(disk string, v tcryptVolume) {
	b.t.Helper()
	b.tcryptRun(ours(), v, "open --type tcrypt "+disk+" tab")
	f, err := os.OpenFile("/dev/mapper/tab", os.O_RDWR, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	_, err = f.WriteAt(pattern("through the kernel"), 4096)
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		b.t.Fatal(err)
	}
	want, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<30))
	if err != nil {
		b.t.Fatal(err)
	}
	f.Close()
	b.must(ours(), "close", "tab")
	got := b.tcryptReads(disk, v)
	fmt.Printf("%s, %s: SHA-256 of %d bytes through the kernel %.6x, in user space %.6x\n", b.t.Name(), v.chain, len(want),
		sha256.Sum256(want), sha256.Sum256(got))
	if !bytes.Equal(got, want) {
		b.t.Errorf("user space reads %d bytes, and not the %d of the kernel", len(got), len(want))
	}
}

// tcryptReads is what user space reads of the volume.
func (b *bench) tcryptReads(disk string, v tcryptVolume) []byte {
	b.t.Helper()
	check := func(err error) {
		b.t.Helper()
		if err != nil {
			b.t.Fatal(err)
		}
	}
	b.must(program{"blockdev", "blockdev"}, "--flushbufs", disk)
	f, err := os.Open(disk)
	check(err)
	defer f.Close()
	places, err := tcrypt.Wanted{
		Hidden: strings.Contains(v.options, "hidden"), Backup: strings.Contains(v.options, "backup"),
	}.Places(tcryptSize)
	check(err)
	headers, err := tcrypt.Read(f, places)
	check(err)
	var files []io.Reader
	for _, key := range words(v.keys) {
		k, err := os.Open(b.path(key))
		check(err)
		defer k.Close()
		files = append(files, k)
	}
	password, err := tcrypt.Password([]byte(v.passphrase), files, true)
	check(err)
	defer password.Close()
	found, err := tcrypt.Search(b.t.Context(), headers, password.Bytes(), tcrypt.Trial{PIM: v.pim})
	check(err)
	defer found.Close()
	segment, err := found.Segment(tcryptSize)
	check(err)
	p, err := found.Plaintext(f, segment)
	check(err)
	defer p.Close()
	got, err := io.ReadAll(io.NewSectionReader(p, 0, p.Size()))
	check(err)
	return got
}

// veraKinds are volumes of our own making, which nothing in Debian makes.
var veraKinds = []struct {
	name, options string
	keys          string
	o             tcryptimage.Options
}{
	{"VeraCrypt, SHA-512, AES", "", "", tcryptimage.Options{VeraCrypt: true, PIM: 1}},
	{"VeraCrypt, SHA-256, Camellia", "--hash sha256", "", tcryptimage.Options{VeraCrypt: true, PIM: 1, Hash: "sha256", Ciphers: "camellia"}},
	{"VeraCrypt, three ciphers", "", "", tcryptimage.Options{VeraCrypt: true, PIM: 1, Ciphers: "serpent-twofish-aes"}},
	{"VeraCrypt, Serpent over Camellia", "", "", tcryptimage.Options{VeraCrypt: true, PIM: 1, Ciphers: "serpent-camellia"}},
	{"VeraCrypt, hidden, key files", "--tcrypt-hidden", "k1 k2", tcryptimage.Options{VeraCrypt: true, PIM: 1, Hidden: 256 << 10}},
	{"VeraCrypt, long passphrase, key file", "", "k3", tcryptimage.Options{VeraCrypt: true, PIM: 1, Passphrase: strings.Repeat("long ", 20)}},
	{"VeraCrypt, large sectors", "", "", tcryptimage.Options{VeraCrypt: true, PIM: 1, Sector: 4096}},
	{"LRW, three ciphers", "", "", tcryptimage.Options{Version: 2, Mode: "lrw-benbi", Ciphers: "aes-twofish-serpent", Hash: "sha1"}},
	{"LRW, hidden", "--tcrypt-hidden", "", tcryptimage.Options{Version: 2, Mode: "lrw-benbi", Hidden: 256 << 10}},
	{"CBC", "", "", tcryptimage.Options{Version: 1, Mode: "cbc-tcw", Ciphers: "twofish"}},
	{"CBC, hidden", "--tcrypt-hidden", "", tcryptimage.Options{Version: 1, Mode: "cbc-tcw", Ciphers: "serpent", Hidden: 256 << 10}},
	{"CBC, CAST5", "", "", tcryptimage.Options{Version: 1, Mode: "cbc-tcw", Ciphers: "cast5", Hash: "sha1"}},
	{"CBC, Triple DES", "", "", tcryptimage.Options{Version: 1, Mode: "cbc-tcw", Ciphers: "des3_ede"}},
	{"CBC, CAST5, hidden", "--tcrypt-hidden", "", tcryptimage.Options{Version: 1, Mode: "cbc-tcw", Ciphers: "cast5", Hidden: 256 << 10}},
	{"XTS before TrueCrypt 6", "", "", tcryptimage.Options{Version: 3}},
	{"XTS before TrueCrypt 6, hidden", "--tcrypt-hidden", "", tcryptimage.Options{Version: 3, Hidden: 256 << 10}},
}

// TestVeraCryptAndLegacyVolumesAreMappedAsByCryptsetup: the volumes of our tests, which thereby are what they seem.
func TestVeraCryptAndLegacyVolumesAreMappedAsByCryptsetup(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		disk := machine.Plug(t, machine.Disk{Name: "locked", Size: tcryptSize})
		t.Cleanup(func() { machine.Unplug(t, "locked") })
		equal := 0
		for _, kind := range veraKinds {
			passed := t.Run(kind.name, func(t *testing.T) {
				b, o := newBench(t), kind.o
				o.Size = tcryptSize
				if o.Passphrase == "" {
					o.Passphrase = "secret"
				}
				for _, key := range words(kind.keys) {
					o.KeyFiles = append(o.KeyFiles, "the key "+key)
				}
				im := tcryptimage.Make(o)
				if err := os.WriteFile(disk, im.Bytes, 0); err != nil {
					t.Fatal(err)
				}
				b.must(program{"blockdev", "blockdev"}, "--flushbufs", disk)
				v := tcryptVolume{
					passphrase: o.Passphrase, keys: kind.keys, options: kind.options, chain: o.Ciphers, mode: o.Mode,
					pim: uint32(o.PIM),
				}
				if v.chain == "" {
					v.chain = "aes"
				}
				if got := b.tcryptReads(disk, v); !bytes.Equal(got, im.Plain) {
					t.Fatal("user space reads something else than was written")
				}
				b.tcryptAsByAll(disk, v)
			})
			if passed {
				equal++
			}
		}
		fmt.Printf("VeraCrypt and legacy: %d of %d kinds of volume are mapped as by cryptsetup, and read alike\n", equal,
			len(veraKinds))
	})
}

// unmapped are the chains that no kernel maps: their headers are decrypted all the same.
var unmapped = []struct{ ciphers, mode string }{
	{"blowfish_le", "cbc-tcrypt"},
	{"blowfish_le-aes", "cbc-tcrypt"},
	{"serpent-blowfish_le-aes", "cbc-tcrypt"},
	{"twofish-aes", "cbci-tcrypt"},
	{"serpent-twofish-aes", "cbci-tcrypt"},
	{"aes-serpent", "cbci-tcrypt"},
	{"aes-twofish-serpent", "cbci-tcrypt"},
	{"serpent-twofish", "cbci-tcrypt"},
}

// TestTrueCryptChainsThatNoKernelMapsAreShownAsByCryptsetup, keys included, and refused with its words.
func TestTrueCryptChainsThatNoKernelMapsAreShownAsByCryptsetup(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		disk := machine.Plug(t, machine.Disk{Name: "locked", Size: tcryptSize})
		t.Cleanup(func() { machine.Unplug(t, "locked") })
		equal := 0
		for _, kind := range unmapped {
			passed := t.Run(kind.ciphers, func(t *testing.T) {
				b := newBench(t)
				im := tcryptimage.Make(tcryptimage.Options{
					Passphrase: "secret", Version: 1, Mode: kind.mode, Ciphers: kind.ciphers, Hash: "sha1", Size: tcryptSize,
				})
				if err := os.WriteFile(disk, im.Bytes, 0); err != nil {
					t.Fatal(err)
				}
				b.must(program{"blockdev", "blockdev"}, "--flushbufs", disk)
				v := tcryptVolume{passphrase: "secret"}
				for _, release := range []string{"bookworm", "trixie"} {
					for _, what := range []string{"tcryptDump ", "tcryptDump -q --dump-volume-key "} {
						us, them := b.tcryptRun(ours(), v, what+disk), b.tcryptRun(real(t, release), v, what+disk)
						if tcryptOld(us) != tcryptOld(them) {
							t.Errorf("%sof orthrus:\n%s\nof %s:\n%s", what, us, release, them)
						}
					}
				}
				for p, words := range map[program]string{
					ours(): "no kernel maps", real(t, "trixie"): "Kernel does not support activation",
				} {
					if said := b.tcryptUnmapped(p, disk); !strings.Contains(said, words) {
						t.Errorf("%s: %s", p.name, said)
					}
				}
			})
			if passed {
				equal++
			}
		}
		fmt.Printf("TrueCrypt: %d of %d chains that no kernel maps are shown as by cryptsetup\n", equal, len(unmapped))
	})
}

// tcryptUnmapped is what a program says that refuses to map the volume.
func (b *bench) tcryptUnmapped(p program, disk string) string {
	b.t.Helper()
	cmd := exec.Command(p.path, "open", "--type", "tcrypt", disk, "tab")
	cmd.Stdin = strings.NewReader("secret\n")
	said, err := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != 1 {
		b.t.Errorf("%s opens what no kernel maps: exit code %d, %v", p.name, code, err)
	}
	b.exits(ours(), 4, "status", "tab")
	return string(said)
}
