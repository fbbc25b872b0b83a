// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/ask"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/device"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/plan"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/open"
	"github.com/orthrus-luks/orthrus/test/pace"
)

func TestOnePassphraseForAllVolumes(t *testing.T) {
	first, _ := image(t, "one", nil)
	second, _ := image(t, "one", func(o *luks.FormatOptions) { o.Version = 1 })
	third, _ := image(t, "three", nil)
	tab := "first " + first + "\nsecond " + second + "\nthird " + third
	o := booted(t, says("wrong", "one", "three"), tab, "", nil)
	if o.err != nil || o.states() != "first=opened second=opened third=opened" {
		t.Errorf("%s, %v", o.states(), o.err)
	}
	if n := len(o.person.asked); n != 3 || o.person.asked[2] != "Passphrase for third ("+third+")" {
		t.Errorf("asked %q", o.person.asked)
	}
}

func TestAVolumeThatComesLaterOpensWithWhatIsKnown(t *testing.T) {
	first, _ := image(t, "one", nil)
	second, _ := image(t, "one", nil)
	slow := func(Target) (open.Source, bool) { return &waiting{}, true }
	o := booted(t, says("one"), "first "+first+"\nsecond "+second+" none try-empty-password", "", func(c *Config) {
		c.Sources = append(c.Sources, slow)
	})
	if o.err != nil || o.states() != "first=opened second=opened" || len(o.person.asked) != 1 {
		t.Errorf("%s, %v, asked %q", o.states(), o.err, o.person.asked)
	}
}

// waiting is a source that never finds anything.
type waiting struct{ ended bool }

func (w *waiting) Name() string { return "waiting" }

func (w *waiting) Secrets(ctx context.Context, _ open.Try) error {
	<-ctx.Done()
	w.ended = true
	return ctx.Err()
}

// given is a source that has a secret once somebody is asked.
type given struct {
	secret open.Secret
	after  <-chan struct{}
}

func (g *given) Name() string { return "a token" }

func (g *given) Secrets(ctx context.Context, try open.Try) error {
	<-g.after
	return try(ctx, g.secret)
}

func TestTheFirstSourceThatFitsEndsTheOthers(t *testing.T) {
	path, _ := image(t, "one", nil)
	dev, err := luks.OpenDevice(path, luks.DeviceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	v, err := luks.Load(t.Context(), dev)
	if err != nil {
		t.Fatal(err)
	}
	key, err := v.Unlock(t.Context(), []byte("one"), luks.UnlockOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer key.Close()
	for name, make := range map[string]func() open.Secret{
		"passphrase": func() open.Secret {
			b, _ := secret.From([]byte("one"))
			return open.Secret{Buffer: b, Keyslot: luks.AnyKeyslot}
		},
		"volume key": func() open.Secret { b, _ := secret.Copy(key.Bytes()); return open.Secret{Buffer: b, VolumeKey: true} },
	} {
		who, never := says(), &waiting{}
		o := booted(t, who, "root "+path, "", func(c *Config) {
			c.Sources = append(c.Sources,
				func(Target) (open.Source, bool) { return never, true },
				func(Target) (open.Source, bool) { return &given{make(), who.waiting}, true })
		})
		if o.err != nil || o.Volumes[0].By != "a token" || !never.ended {
			t.Errorf("%s: %+v, %v", name, o.Volumes, o.err)
		}
	}
}

// deaf is a source that no context ends.
type deaf struct{ hang <-chan struct{} }

func (deaf) Name() string { return "a dying stick" }

func (d deaf) Secrets(context.Context, open.Try) error {
	<-d.hang
	return os.ErrClosed
}

// A read that never returns neither keeps the prompt away nor holds the boot once somebody has typed
// the right passphrase there, on this volume or on another.
func TestAKeySourceThatNeverReturnsHoldsNoBoot(t *testing.T) {
	first, _ := image(t, "one", nil)
	second, _ := image(t, "one", nil)
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	hang := make(chan struct{})
	t.Cleanup(func() {
		close(hang)
		if f, err := os.OpenFile(fifo, os.O_RDWR, 0); err == nil { // lets those go who wait for a writer
			_ = f.Close()
		}
	})
	o := booted(t, says("one"), "first "+first+" "+fifo+"\nsecond "+second, "", func(c *Config) {
		c.Sources = append(c.Sources, func(Target) (open.Source, bool) { return deaf{hang}, true })
	})
	if o.err != nil || o.states() != "first=opened second=opened" {
		t.Errorf("%s, %v", o.states(), o.err)
	}
}

func TestOneVolumeUnderTwoNamesIsOpenedOnce(t *testing.T) {
	path, _ := image(t, "one", nil)
	tab := "a " + path + "\nb " + link(t, path)
	o := booted(t, says("one"), tab, "", nil)
	if o.err != nil || o.states() != "a=opened b=opened" || len(o.person.asked) != 1 {
		t.Errorf("%s, %v, asked %q", o.states(), o.err, o.person.asked)
	}
	if o = booted(t, says("x", "y", "z"), tab, "", nil); !errors.Is(o.err, ErrSame) || !errors.Is(o.err, ErrTries) {
		t.Errorf("%s, %v", o.states(), o.err)
	}
}

func TestNothingTakesAMachineDownWhoseRootIsOpen(t *testing.T) {
	path, _ := image(t, "one", nil)
	other, _ := image(t, "two", nil)
	tab := "root " + path + "\nother " + other + " none tries=1"
	o := booted(t, knows(map[string]string{"root": "one", "other": "x"}), tab, "root=/dev/mapper/root", nil)
	if o.err != nil || o.states() != "root=opened other=failed" || !o.told(GaveUp) {
		t.Errorf("%s, %v", o.states(), o.err)
	}
	o = booted(t, knows(map[string]string{"root": "one", "other": "x"}), tab, "root=/dev/mapper/root",
		func(c *Config) { c.Plan.Initrd = false })
	if !errors.Is(o.err, ErrFailed) {
		t.Errorf("in the main system: %s, %v", o.states(), o.err)
	}
}

func TestANameThatNothingIsKnownOfIsAnError(t *testing.T) {
	path, _ := image(t, "one", nil)
	for names, states := range map[string]string{"root lost": "root=opened", "lost": ""} {
		o := booted(t, says("one"), "root "+path, "", func(c *Config) {
			c.Plan = plan.Make(plan.Request{Crypttab: []byte("root " + path), Names: strings.Fields(names)})
		})
		var unknown *UnknownError
		if !errors.As(o.err, &unknown) || !errors.Is(o.err, ErrUnknown) || unknown.Names[0] != "lost" || o.states() != states {
			t.Errorf("%s: %s, %v", names, o.states(), o.err)
		}
	}
}

func TestTriesEnd(t *testing.T) {
	path, _ := image(t, "one", nil)
	o := booted(t, says("a", "b", "c", "one"), "root "+path, "", nil)
	if !errors.Is(o.err, ErrFailed) || !errors.Is(o.err, ErrTries) || !errors.Is(o.err, luks.ErrPassphrase) || o.states() != "root=failed" {
		t.Errorf("%s, %v", o.states(), o.err)
	}
	left := 3
	for _, e := range o.events {
		if e.Kind == WrongAnswer {
			if left--; e.Left != left {
				t.Errorf("%d tries left, want %d", e.Left, left)
			}
		}
	}
	if left != 0 {
		t.Errorf("%d tries were not counted", left)
	}
}

func TestNobodyIsAskedForLong(t *testing.T) {
	path, _ := image(t, "one", nil)
	for tab, want := range map[string]error{
		"root " + path + " none headless":      open.ErrNoSource,
		"root " + path + " none timeout=100ms": ask.ErrLate,
	} {
		if o := booted(t, says(), tab, "", nil); !errors.Is(o.err, want) {
			t.Errorf("%s: %v", tab, o.err)
		}
	}
	if o := booted(t, nil, "root "+path, "", nil); !errors.Is(o.err, open.ErrNoSource) {
		t.Errorf("without front ends: %v", o.err)
	}
}

func TestKeyFiles(t *testing.T) {
	path, _ := image(t, "one", nil)
	dir := t.TempDir()
	key := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
		return file
	}
	told := key("told", "#!/bin/sh\n[ \"$CRYPTTAB_KEY\" = none ] && [ \"$1\" = none ] && "+
		"[ \"$CRYPTTAB_OPTIONS\" = \"keyscript=$0,key-slot=0,readonly,x-a-b=c d\" ] && [ \"$CRYPTTAB_OPTION_readonly\" = yes ] && "+
		"[ \"$CRYPTTAB_OPTION_key_slot$CRYPTTAB_OPTION_x_a_b\" = '0c d' ] && printf one\n")
	script := key("script", "#!/bin/sh\n[ \"$CRYPTTAB_NAME\" = root ] && [ \"$1\" = word ] && [ \"$CRYPTTAB_TRIED\" = 1 ] && printf one || printf no\n")
	erased := key("erased", "one")
	for _, tab := range []string{
		"root " + path + " " + key("whole", "one"),
		"root " + path + " " + key("part", "xxoneyy") + " keyfile-offset=2,keyfile-size=3",
		"root " + path + " word keyscript=" + script,
		"root " + path + " none keyscript=" + told + `,keyslot=0,read-only,x-a-b=c\040d`,
		"root " + path + " " + erased + " keyfile-erase",
	} {
		o := booted(t, nil, tab, "", nil)
		if o.err != nil || o.states() != "root=opened" {
			t.Errorf("%s: %v", tab, o.err)
		}
	}
	if _, err := os.Stat(erased); !os.IsNotExist(err) {
		t.Errorf("the key file stays: %v", err)
	}
	o := booted(t, says("one"), "root "+path+" "+key("wrong", "two"), "", nil)
	if o.err != nil || !o.told(WrongKey) || !strings.HasPrefix(o.Volumes[0].By, "a passphrase") {
		t.Errorf("after a wrong key: %+v, %v", o.Volumes, o.err)
	}
	o = booted(t, says("one"), "root "+path+" "+dir+"/missing", "", nil)
	if o.err != nil || !o.told(SourceFailed) {
		t.Errorf("after a missing key: %v", o.err)
	}
	o = booted(t, nil, "root "+path+" "+dir+"/missing headless", "", nil)
	var missing *KeyFileError
	if !errors.As(o.err, &missing) || missing.Source != "key file "+dir+"/missing" {
		t.Errorf("a missing key alone: %v", o.err)
	}
}

func TestAKeyFromASocketIsToldForWhom(t *testing.T) {
	path, _ := image(t, "one", nil)
	address := filepath.Join(t.TempDir(), "keys")
	l, err := net.Listen("unix", address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	peer := make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		peer <- c.RemoteAddr().String()
		_, _ = c.Write([]byte("one"))
	}()
	o := booted(t, nil, "root "+path+" "+address, "", nil)
	if from := <-peer; o.err != nil || !strings.HasSuffix(from, "/cryptsetup/root") {
		t.Errorf("from %q, %v", from, o.err)
	}
}

func TestDevicesThatStayAway(t *testing.T) {
	path, _ := image(t, "one", nil)
	tab := "root " + path + "\nextra /nowhere/disk.img none x-systemd.device-timeout=200ms,"
	for options, want := range map[string]error{"nofail": nil, "x-orthrus.degraded": nil, "": device.ErrMissing} {
		o := booted(t, says("one"), tab+options, "", nil)
		if !errors.Is(o.err, want) || o.states() != "root=opened extra=absent" || o.Degraded != (options == "x-orthrus.degraded") {
			t.Errorf("%q: %s, degraded %v, %v", options, o.states(), o.Degraded, o.err)
		}
	}
	o := booted(t, says("one"), "root /nowhere/x none x-systemd.device-timeout=100ms", "root=/dev/mapper/root rd.orthrus.degraded", nil)
	if !errors.Is(o.err, ErrFailed) {
		t.Errorf("a root that stays away: %v", o.err)
	}
}

func TestAnImageThatAppearsIsNotWaitedForBlindly(t *testing.T) {
	begun := time.Now()
	o := booted(t, says("one"), "root UUID=00000000-0000-4000-8000-000000000000 none x-systemd.device-timeout=300ms", "", nil)
	if !errors.Is(o.err, device.ErrMissing) || time.Since(begun) > pace.Limit(10*time.Second) {
		t.Errorf("%v after %v", o.err, time.Since(begun))
	}
}

func TestHostileHeadersStopOnlyThemselves(t *testing.T) {
	good, _ := image(t, "one", nil)
	argon := func(o *luks.FormatOptions) {
		o.Keyslot.KDF = kdf.Params{Type: kdf.Argon2id, Time: 4, Memory: 64, CPUs: 1}
	}
	for _, c := range []struct {
		name     string
		make     func(*luks.FormatOptions)
		old, new string
		options  string
		want     error
	}{
		{name: "endless pbkdf2", old: `"iterations":1000,"salt"`, new: `"iterations":4294967295,"salt"`, want: kdf.ErrCost},
		{name: "endless argon2", make: argon, old: `"time":4`, new: `"time":4294967295`, want: kdf.ErrCost},
		{name: "vast argon2", make: argon, old: `"memory":64`, new: `"memory":4294967295`, want: kdf.ErrMemory},
		{name: "null cipher for the data", old: `"encryption":"aes-xts-plain64","sector_size"`, new: `"encryption":"cipher_null-ecb","sector_size"`, want: ErrCipher},
		{name: "ecb for the data", old: `"encryption":"aes-xts-plain64","sector_size"`, new: `"encryption":"aes-ecb","sector_size"`, want: ErrCipher},
		{name: "null cipher for the keyslot", old: `"encryption":"aes-xts-plain64","key_size":64`, new: `"encryption":"cipher_null-ecb","key_size":64`, want: ErrCipher},
		{name: "another volume key than the pinned one", options: "x-orthrus.pin=" + strings.Repeat("00", 32), want: ErrPin},
		{name: "an id of the volume key that is systemd's", options: "fixate-volume-key=abcd", want: ErrPin},
		{name: "cipher that was not asked for", options: "x-orthrus.ciphers=serpent-xts-plain64", want: ErrCipher},
		{name: "keyslot that is not there", options: "key-slot=7", want: luks.ErrNoUsableKeyslot},
	} {
		bad, _ := image(t, "one", c.make)
		if c.old != "" {
			rewrite(t, bad, c.old, c.new)
		}
		begun := time.Now()
		o := booted(t, says("one", "one", "one"), "good "+good+"\nbad "+bad+" none nofail,"+c.options, "", nil)
		if o.err != nil || o.states() != "good=opened bad=failed" {
			t.Errorf("%s: %s, %v", c.name, o.states(), o.err)
		} else if !errors.Is(o.Volumes[1].Err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, o.Volumes[1].Err, c.want)
		}
		if took := time.Since(begun); took > pace.Limit(20*time.Second) {
			t.Errorf("%s: took %v", c.name, took)
		}
	}
}

func TestADiskThatHangsIsLeftToItself(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	task := (&engine{}).newTask(plan.Volume{Name: "hangs"})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := task.within(ctx, func(context.Context) error { <-hang; return nil })
	if !errors.Is(err, open.ErrHangs) || !task.abandoned.Load() {
		t.Errorf("%v", err)
	}
	if err := task.within(t.Context(), func(context.Context) error { return luks.ErrNotLUKS }); !errors.Is(err, luks.ErrNotLUKS) {
		t.Errorf("%v", err)
	}
}
