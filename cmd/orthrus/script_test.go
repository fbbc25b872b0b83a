// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/orthrus-luks/orthrus/cmd/internal/verb/all"
	"github.com/orthrus-luks/orthrus/dm/keyring"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/foreign/bitlk"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/test/bitlkimage"
	"github.com/orthrus-luks/orthrus/test/fvault2image"
	"github.com/orthrus-luks/orthrus/test/tcryptimage"
	"github.com/orthrus-luks/orthrus/test/vectors/interrupted"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// TestMain lets the test binary stand in for the program under its names.
func TestMain(m *testing.M) {
	program := func() { os.Exit(all.Run(os.Args, version)) }
	testscript.Main(m, map[string]func(){
		"cryptsetup": program, "orthrus": program, "veritysetup": program, "cryptroot-unlock": program,
		"with-key": withKey,
	})
}

// withKey runs a program in a session of its own, whose keyring has one key: "with-key description
// file cryptsetup open …".
func withKey() {
	runtime.LockOSThread()
	payload, err := os.ReadFile(os.Args[2])
	if err == nil {
		_, err = keyring.JoinSession()
	}
	if err == nil {
		_, err = keyring.Add(keyring.TypeUser, os.Args[1], payload, keyring.Session)
	}
	path, lookErr := exec.LookPath(os.Args[3])
	if err = errors.Join(err, lookErr); err == nil {
		err = unix.Exec(path, os.Args[3:], os.Environ())
	}
	fmt.Fprintln(os.Stderr, "with-key:", err)
	os.Exit(99)
}

// TestScript runs testdata/script/*.txtar, none of which needs device-mapper. Each starts with k1,
// k2 and kw beside it: two passphrases and a wrong one, without a newline.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup:               setUp,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "costs": costs,
			"holds": holds, "fill": fill, "poke": poke, "label": label, "bitlk": bitlkVolume, "tcrypt": tcryptVolume, "fvault2": fvault2Volume,
			"interrupted": recorded,
			"keys":        recordedKeys,
		},
	})
}

// setUp writes the key files. Undo copies do not belong into the state directory of who runs the tests.
func setUp(env *testscript.Env) error {
	env.Setenv("ORTHRUS_STATE_DIR", filepath.Join(env.WorkDir, ".state"))
	var errs []error
	for name, passphrase := range map[string]string{"k1": "pass one", "k2": "pass two", "kw": "wrong"} {
		errs = append(errs, os.WriteFile(filepath.Join(env.WorkDir, name), []byte(passphrase), 0o600))
	}
	return errors.Join(errs...)
}

// recorded writes a volume on which a reencryption was cut off: "interrupted reencrypt-checksum clean-1 a.img".
func recorded(ts *testscript.TestScript, _ bool, args []string) {
	for _, f := range interrupted.Families() {
		for _, s := range f.States {
			if f.Name == args[0] && s.Name == args[1] {
				ts.Check(os.WriteFile(ts.MkAbs(args[2]), s.WithMaterial(), 0o600))
				return
			}
		}
	}
	ts.Fatalf("no such state")
}

// recordedKeys writes the volume keys of such a family into the files old and new.
func recordedKeys(ts *testscript.TestScript, _ bool, args []string) {
	for _, f := range interrupted.Families() {
		if f.Name == args[0] {
			ts.Check(os.WriteFile(ts.MkAbs("old"), f.Old.Key, 0o600))
			ts.Check(os.WriteFile(ts.MkAbs("new"), f.New.Key, 0o600))
			return
		}
	}
	ts.Fatalf("no such family")
}

// exits runs a program and wants this very exit code: "exits 2 cryptsetup open …".
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// costs writes other costs into keyslot 0 of a volume, as whoever can write to the device might:
// "costs a.img argon2id 4 4294967295" (passes and KiB), "costs a.img pbkdf2 2000000000".
func costs(ts *testscript.TestScript, _ bool, args []string) {
	dev, err := luks.OpenDevice(ts.MkAbs(args[0]), luks.DeviceOptions{Write: true})
	ts.Check(err)
	defer dev.Close()
	v, err := luks.Load(context.Background(), dev)
	ts.Check(err)
	next := v.Choice.Copy
	next.Metadata = next.Metadata.Clone()
	slot, err := next.Metadata.Keyslot(0)
	ts.Check(err)
	n, err := strconv.ParseUint(args[2], 10, 32)
	ts.Check(err)
	slot.KDF = luks2.KDF{Type: args[1], Hash: "sha256", Iterations: uint32(n), Salt: slot.KDF.Salt}
	if args[1] != "pbkdf2" {
		memory, err := strconv.ParseUint(args[3], 10, 32)
		ts.Check(err)
		slot.KDF = luks2.KDF{Type: args[1], Time: uint32(n), Memory: uint32(memory), CPUs: 1, Salt: slot.KDF.Salt}
	}
	ts.Check(next.Metadata.ReplaceKeyslot(slot))
	plan, err := header.PlanUpdate(v.Heads, v.Choice, next, rand.Reader)
	ts.Check(err)
	ts.Check(commit.Apply(dev, commit.Mending(nil, plan)))
}

// bitlkVolume makes a BitLocker volume, and beside it a startup key: "bitlk b.img", or with one word for what it is.
func bitlkVolume(ts *testscript.TestScript, _ bool, args []string) {
	o := bitlkimage.Options{
		Passphrase: "pass one", Startup: true,
		Recovery: "000011-720885-110000-022000-330000-440011-550000-660000",
	}
	if len(args) > 1 {
		o = map[string]bitlkimage.Options{
			"eow":        {OnWrite: true, Encrypted: 256 << 10, ClearKey: true},
			"converting": {Present: 2, Next: 4, Encrypted: 256 << 10, ClearKey: true},
			"tpm":        {TPM: true},
			"clear":      {ClearKey: true},
			"method":     {ClearKey: true, Fields: func(_ int, block []byte) { block[100] = 6 }},
			"forged":     {ClearKey: true},
			"unproved":   {ClearKey: true, Tamper: func(covered []byte) { covered[80] ^= 1 }},
		}[args[1]]
	}
	im := bitlkimage.Make(o)
	if len(args) > 1 && args[1] == "forged" { // a copy that claims to be newer
		p := im.Bytes[im.Offsets[1]:]
		p[96] += 7
		bitlkimage.SealCRC(p[:bitlk.BlockSize])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), im.Bytes, 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".bek"), im.BEK, 0o600))
}

// fvault2Volume makes a FileVault 2 volume: "fvault2 f.img", or with one word for what it is.
func fvault2Volume(ts *testscript.TestScript, _ bool, args []string) {
	o := map[string]fvault2image.Options{
		"converting": {Conversion: "Converting"},
		"slow":       {Iterations: 1<<32 - 1},
		"pieces": {Block: func(kind uint16, p []byte) {
			if kind == 0x305 {
				p[64] = 2
			}
		}},
	}[args[len(args)-1]] // the name of the file alone means nothing special
	o.Passphrase = "pass one"
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), fvault2image.Make(o).Bytes, 0o600))
}

// tcryptVolume makes a TrueCrypt or VeraCrypt volume by the options that a word stands for: "tcrypt t.img vera".
func tcryptVolume(ts *testscript.TestScript, _ bool, args []string) {
	o := map[string]tcryptimage.Options{
		"cascade": {Ciphers: "serpent-twofish-aes", Hash: "whirlpool"},
		"vera":    {VeraCrypt: true, PIM: 3, Ciphers: "camellia", KeyFiles: []string{ts.ReadFile("k1"), ts.ReadFile("k2")}},
		"hidden":  {Hidden: 128 << 10, Version: 3},
		"backup":  {Backup: true},
		"argon2":  {VeraCrypt: true, PIM: 1, Hash: "argon2id"},
		"system":  {System: true, Start: 64 << 10, Length: 128 << 10, Hash: "ripemd160"},
		"gost":    {VeraCrypt: true, PIM: 3, Ciphers: "camellia-serpent-kuznyechik"},
		"legacy":  {Version: 1, Mode: "cbci-tcrypt", Ciphers: "twofish-aes"},
		"wrong":   {Alter: func(header []byte) { header[131] = 1 }}, // sectors of an odd size
	}[args[1]]
	o.Passphrase = "pass one"
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), tcryptimage.Make(o).Bytes, 0o600))
}

// holds puts a file system of so many blocks of 1 KiB into a volume, or the start of one:
// "holds a.img k1 20000".
func holds(ts *testscript.TestScript, _ bool, args []string) {
	dev, err := luks.OpenDevice(ts.MkAbs(args[0]), luks.DeviceOptions{Write: true})
	ts.Check(err)
	defer dev.Close()
	v, err := luks.Load(context.Background(), dev)
	ts.Check(err)
	key, err := v.Unlock(context.Background(), []byte(ts.ReadFile(args[1])),
		luks.UnlockOptions{})
	ts.Check(err)
	defer key.Close()
	plain, err := v.Plaintext(dev, key)
	ts.Check(err)
	defer plain.Close()
	blocks, err := strconv.ParseUint(args[2], 10, 32)
	ts.Check(err)
	p := make([]byte, 4096)
	binary.LittleEndian.PutUint32(p[1024:], 16) // inodes of an ext2
	binary.LittleEndian.PutUint32(p[1028:], uint32(blocks))
	binary.LittleEndian.PutUint16(p[1080:], 0xef53)
	_, err = plain.WriteAt(p, 0)
	ts.Check(err)
}

// fill adds k2 to a volume that k1 opens, in so many keyslots: "fill a.img 7".
func fill(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	for range n {
		add := []string{
			"luksAddKey", "-q", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", "--key-file",
			"k1", args[0], "k2",
		}
		ts.Check(ts.Exec("cryptsetup", add...))
	}
}

// poke overwrites bytes, given as a Go string: "poke a.img 168 \x1b[2J".
func poke(ts *testscript.TestScript, _ bool, args []string) {
	offset, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	text, err := strconv.Unquote(`"` + args[2] + `"`)
	ts.Check(err)
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_WRONLY, 0)
	ts.Check(err)
	_, err = f.WriteAt([]byte(text), offset)
	ts.Check(errors.Join(err, f.Close()))
}

// label gives a volume a label, and a token of that type, as a Go string: "label a.img \x1b[2J".
func label(ts *testscript.TestScript, _ bool, args []string) {
	text, err := strconv.Unquote(`"` + args[1] + `"`)
	ts.Check(err)
	dev, err := luks.OpenDevice(ts.MkAbs(args[0]), luks.DeviceOptions{Write: true})
	ts.Check(err)
	defer dev.Close()
	v, err := luks.Load(context.Background(), dev)
	ts.Check(err)
	ts.Check(v.SetLabels(context.Background(), text, ""))
	token, err := json.Marshal(map[string]any{"type": text, "keyslots": []string{}})
	ts.Check(err)
	_, err = v.SetToken(context.Background(), 5, token)
	ts.Check(err)
}
