// SPDX-License-Identifier: Apache-2.0

package crypttab

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/dm/target"
)

func TestEntriesOfBothDialects(t *testing.T) {
	const text = "\ufeff" + `# <target name> <source device> <key file> <options>
vda5_crypt UUID=2c2f2a42-0f5c-4a2e-8b8c-2d1d5f0c7c11 none luks,discard
	data  /dev/disk/by-id/virtio-b   /etc/keys/data\040key:LABEL=keys  keyfile-timeout=10s,nofail

swap /dev/sda2 /dev/urandom swap,cipher=aes-xts-plain64,size=256,plain
old PARTLABEL=old\040one - 
bare /dev/sdb
`
	entries, problems := Parse([]byte(text))
	if len(problems) > 0 {
		t.Errorf("problems: %v", problems)
	}
	want := []Entry{
		{Line: 2, Name: "vda5_crypt", Device: "UUID=2c2f2a42-0f5c-4a2e-8b8c-2d1d5f0c7c11", Key: "none", Written: "luks,discard", Options: Options{Keyslot: -1, Flags: target.AllowDiscards}},
		{Line: 3, Name: "data", Device: "/dev/disk/by-id/virtio-b", Key: "/etc/keys/data key:LABEL=keys", Written: "keyfile-timeout=10s,nofail", Options: Options{Keyslot: -1, NoFail: true, KeyFileTimeout: Span{10 * time.Second, true}}},
		{Line: 5, Name: "swap", Device: "/dev/sda2", Key: "/dev/urandom", Written: "swap,cipher=aes-xts-plain64,size=256,plain", Options: Options{Keyslot: -1, Type: Swap, Cipher: "aes-xts-plain64", KeySize: 256}},
		{Line: 6, Name: "old", Device: "PARTLABEL=old one", Key: "-", Options: Options{}},
		{Line: 7, Name: "bare", Device: "/dev/sdb", Options: Options{}},
	}
	want[3].Options, want[4].Options = Defaults(), Defaults()
	if !reflect.DeepEqual(entries, want) {
		t.Errorf("got\n%+v\nwant\n%+v", entries, want)
	}
}

func TestEntriesAreWrittenAsTheyAreRead(t *testing.T) {
	for line, want := range map[string]string{
		"bare  /dev/sdb":                               "bare /dev/sdb none",
		"old PARTLABEL=old\\040one -":                  "old PARTLABEL=old\\040one -",
		"a UUID=1 /k\\040y header=/h\\,\\040x,tries=2": "a UUID=1 /k\\040y header=/h\\,\\040x,tries=2",
		"a\\134040b UUID=1 none luks":                  "a\\134040b UUID=1 none luks",
	} {
		entries, _ := Parse([]byte(line))
		if len(entries) != 1 || entries[0].String() != want {
			t.Errorf("%s: %v", line, entries)
		}
	}
}

func TestWordsHaveTheirFirstNames(t *testing.T) {
	want := []Word{{"readonly", "", false}, {"key-slot", "1", true}, {"x-mine", "", true}, {"unknown", "a=b", true}}
	if got := Words("read-only,keyslot=1,x-mine=,unknown=a=b"); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestLinesThatCannotBeUsedAreNamedAndPassedOver(t *testing.T) {
	entries, problems := Parse([]byte("alone\na/b /dev/x\n.. /dev/x\nx /dev/a\nx /dev/b\nz\\000 /dev/c\ny /dev/d none luks"))
	if len(entries) != 2 || entries[0].Device != "/dev/a" || entries[1].Name != "y" {
		t.Errorf("entries %+v", entries)
	}
	var lines []int
	for _, p := range problems {
		lines = append(lines, p.Line)
	}
	if !reflect.DeepEqual(lines, []int{1, 2, 3, 5, 6}) {
		t.Errorf("problems %v", problems)
	}
}

func TestOptions(t *testing.T) {
	with := func(change func(*Options)) Options {
		o := Defaults()
		change(&o)
		return o
	}
	for text, want := range map[string]Options{
		"":         Defaults(),
		",,luks,,": Defaults(),
		"plain,cipher=a-b-c,size=512,hash=sha512,offset=8,skip=16,sector-size=4096": with(func(o *Options) {
			o.Type, o.Cipher, o.KeySize, o.Hash, o.Offset, o.Skip, o.SectorSize = Plain, "a-b-c", 512, "sha512", 8, 16, 4096
		}),
		"keyslot=3":                with(func(o *Options) { o.Keyslot = 3 }),
		"key-slot=0":               with(func(o *Options) { o.Keyslot = 0 }),
		"swap,plain":               with(func(o *Options) { o.Type = Swap }),
		"tmp":                      with(func(o *Options) { o.Type = Tmp }),
		"tmp=ext4":                 with(func(o *Options) { o.Type, o.TmpFS = Tmp, "ext4" }),
		"header=/h\\,x:UUID=1":     with(func(o *Options) { o.Header = "/h,x:UUID=1" }),
		"tries=0":                  with(func(o *Options) { o.Tries = Endless }),
		"tries=5,timeout=1min 30s": with(func(o *Options) { o.Tries, o.Timeout = 5, Span{90 * time.Second, true} }),
		"timeout=0":                with(func(o *Options) { o.Timeout = Span{0, true} }),
		"password-echo=masked":     with(func(o *Options) { o.Echo = EchoMasked }),
		"password-echo=no":         with(func(o *Options) { o.Echo = EchoNo }),
		"password-echo=yes":        with(func(o *Options) { o.Echo = EchoYes }),
		"password-cache=read-only": with(func(o *Options) { o.Cache = CacheReadOnly }),
		"password-cache=yes":       with(func(o *Options) { o.Cache = CacheYes }),
		"password-cache=off":       with(func(o *Options) { o.Cache = CacheNo }),
		"headless":                 with(func(o *Options) { o.Headless = true }),
		"headless=no":              Defaults(),
		"keyfile-offset=9,keyfile-size=32,keyfile-erase": with(func(o *Options) { o.KeyFileOffset, o.KeyFileSize, o.KeyFileErase = 9, 32, true }),
		"same-cpu-crypt,submit-from-crypt-cpus,no-read-workqueue,no-write-workqueue,high-priority": with(func(o *Options) {
			o.Flags = target.SameCPUCrypt | target.SubmitFromCryptCPUs | target.NoReadWorkqueue | target.NoWriteWorkqueue | target.HighPriority
		}),
		"initramfs,noauto,nofail,_netdev,readonly,verify,try-empty-password": with(func(o *Options) {
			o.Initrd, o.NoAuto, o.NoFail, o.Network, o.ReadOnly, o.Verify, o.TryEmpty = true, true, true, true, true, true, true
		}),
		"x-systemd.device-timeout=infinity,x-initrd.attach": with(func(o *Options) { o.DeviceTimeout, o.Initrd = Span{0, true}, true }),
		"x-gvfs-hide,x-systemd.requires=a":                  Defaults(),
		"keyscript=/lib/x,link-volume-key=@u::%user:k":      with(func(o *Options) { o.KeyScript, o.LinkVolumeKey = "/lib/x", "@u::%user:k" }),
		"x-orthrus.degraded,x-orthrus.ciphers=aes-xts-plain64,x-orthrus.pin=" + strings.Repeat("ab", 20): with(func(o *Options) {
			o.Degraded, o.Ciphers, o.Pin = true, "aes-xts-plain64", strings.Repeat("ab", 20)
		}),
		"x-orthrus.remote":                      with(func(o *Options) { o.Remote = true }),
		"x-orthrus.far=no,fixate-volume-key=ab": with(func(o *Options) { o.Far, o.Fixed = FarNo, "ab" }),
		"tpm2-device=auto,fido2-pin=yes,quiet":  with(func(o *Options) { o.Kept = []string{"tpm2-device=auto", "fido2-pin=yes", "quiet"} }),
	} {
		if got := ParseOptions(text); !reflect.DeepEqual(got, want) {
			t.Errorf("%q:\n got %+v\nwant %+v", text, got, want)
		}
	}
}

func TestOptionsThatConcernOthersKeepTheirValues(t *testing.T) {
	o := ParseOptions("tpm2-device=auto,quiet,fido2-pin=a=b,discard")
	for name, want := range map[string]string{"tpm2-device": "auto", "quiet": "", "fido2-pin": "a=b"} {
		if value, given := o.KeptValue(name); value != want || !given {
			t.Errorf("%s: %q, %v", name, value, given)
		}
	}
	for _, name := range []string{"discard", "tpm2", "fido2-device"} {
		if _, given := o.KeptValue(name); given {
			t.Errorf("%s was given", name)
		}
	}
}

func TestOptionsThatCannotBeUsedAreNamed(t *testing.T) {
	for text, want := range map[string]Problem{
		"frobnicate=1":        {Option: "frobnicate", Kind: Unknown},
		"size=12":             {Option: "size", Kind: Malformed, Why: "12"},
		"size=":               {Option: "size", Kind: Malformed, Why: "a value is missing"},
		"size":                {Option: "size", Kind: Malformed, Why: "a value is missing"},
		"key-slot=-1":         {Option: "key-slot", Kind: Malformed, Why: "-1"},
		"sector-size=1000":    {Option: "sector-size", Kind: Malformed, Why: "1000"},
		"offset=1e3":          {Option: "offset", Kind: Malformed, Why: "1e3"},
		"tries=many":          {Option: "tries", Kind: Malformed, Why: "many"},
		"timeout=soon":        {Option: "timeout", Kind: Malformed, Why: "soon"},
		"headless=perhaps":    {Option: "headless", Kind: Malformed, Why: "perhaps"},
		"password-cache=x":    {Option: "password-cache", Kind: Malformed, Why: "x"},
		"password-echo=loud":  {Option: "password-echo", Kind: Malformed, Why: "loud"},
		"discard=x":           {Option: "discard", Kind: Malformed, Why: "x"},
		"x-orthrus.fat=no":    {Option: "x-orthrus.fat", Kind: Unknown},
		"x-orthrus.far=yes":   {Option: "x-orthrus.far", Kind: Malformed, Why: "yes"},
		"x-orthrus.pin=abcd":  {Option: "x-orthrus.pin", Kind: Malformed, Why: "abcd"},
		"noearly":             {Option: "noearly", Kind: Obsolete},
		"veracrypt-query-pim": {Option: "veracrypt-query-pim", Kind: Unsupported},
		"veracrypt-pim=many":  {Option: "veracrypt-pim", Kind: Malformed, Why: "many"},
	} {
		o := ParseOptions(text)
		if len(o.Problems) != 1 || o.Problems[0] != want {
			t.Errorf("%q: %v, want %v", text, o.Problems, want)
		}
		if want.Kind == Unsupported && o.Type != Other {
			t.Errorf("%q: type %v", text, o.Type)
		}
	}
}

func TestOptionsOfTrueCryptVolumesAreTakenInBothSpellings(t *testing.T) {
	for text, want := range map[string]TcryptOptions{
		"tcrypt": {}, "veracrypt": {}, "tcrypt-veracrypt": {}, "tcrypt-hidden": {Hidden: true},
		"tcrypt,tcrypthidden": {Hidden: true}, "tcryptsystem": {System: true}, "tcrypt-system,tcrypt": {System: true},
		"tcrypt-keyfile=/a,tcrypt-keyfile=/b": {KeyFiles: []string{"/a", "/b"}}, "veracrypt-pim=485": {PIM: 485},
	} {
		o := ParseOptions(text)
		if o.Type != Tcrypt || len(o.Problems) > 0 || !reflect.DeepEqual(o.Tcrypt, want) {
			t.Errorf("%s: %v, %+v, %v", text, o.Type, o.Tcrypt, o.Problems)
		}
	}
}

func TestTimeSpansAreSystemds(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90": 90 * time.Second, "1.5s": 1500 * time.Millisecond, "2min": 2 * time.Minute, "1h 5m": 65 * time.Minute,
		"500ms": 500 * time.Millisecond, "7us": 7 * time.Microsecond, "1d": 24 * time.Hour, "1w": 168 * time.Hour,
		"infinity": 0, "0": 0, "3 sec": 3 * time.Second, "99999999999999999w": 0,
	} {
		if got, ok := ParseSpan(text); !ok || got != want {
			t.Errorf("%q: %v, %v, want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "s", "-1", "1x", "1.2.3s", "min"} {
		if got, ok := ParseSpan(text); ok {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("a UUID=x none luks,discard,key-slot=1\n# c\nb\\040c /dev/x /k:LABEL=l header=/h\\,h,x-orthrus.degraded=no"))
	f.Add([]byte("s /dev/s /dev/urandom swap,cipher=aes-cbc-essiv:sha256,size=256,timeout=1min 3s"))
	f.Fuzz(func(t *testing.T, text []byte) {
		entries, problems := Parse(text)
		for i, e := range entries {
			if e.Name == "" || e.Device == "" || strings.ContainsAny(e.Name, "/\x00") || e.Line == 0 {
				t.Errorf("entry %+v", e)
			}
			if i > 0 && entries[i-1].Line >= e.Line {
				t.Errorf("lines out of order: %+v", entries)
			}
		}
		for _, p := range problems {
			if p.String() == "" {
				t.Errorf("problem without words: %+v", p)
			}
		}
	})
}

func TestEachOptionOfThisProgramSaysWhatItIs(t *testing.T) {
	own := OwnOptions()
	for _, o := range table {
		listed := slices.ContainsFunc(own, func(p Own) bool { return p.Name == o.name })
		if listed != strings.HasPrefix(o.name, "x-orthrus.") || listed && (len(o.values) > 0) != o.needsValue {
			t.Errorf("%s: listed %v, values %v", o.name, listed, o.values)
		}
	}
	for _, want := range []string{"x-orthrus.degraded", "x-orthrus.remote", "x-orthrus.pin=HEX", "x-orthrus.far=ask|open|no"} {
		if !slices.ContainsFunc(own, func(p Own) bool { return p.String() == want }) {
			t.Errorf("no %s in %v", want, own)
		}
	}
}

func TestEveryWordOfAnOwnOptionIsTaken(t *testing.T) {
	for word, want := range map[string]Far{"ask": FarAsk, "open": FarOpen, "no": FarNo} {
		if o := ParseOptions("x-orthrus.far=" + word); o.Far != want || len(o.Problems) > 0 {
			t.Errorf("%s: %v, %v", word, o.Far, o.Problems)
		}
	}
	if o := ParseOptions("x-orthrus.far=open,x-orthrus.far=maybe"); o.Far != FarAsk {
		t.Errorf("a word that cannot be: %v", o.Far)
	}
}
