// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/device"
	"github.com/orthrus-luks/orthrus/luks"
)

// headless makes an image whose heads are lost and whose far header is whole.
func headless(t *testing.T) string {
	t.Helper()
	path, _ := image(t, "one", func(o *luks.FormatOptions) { o.KeyslotsSize = 256 << 10 })
	if err := os.Truncate(path, 64<<20); err != nil {
		t.Fatal(err)
	}
	dev, err := luks.OpenDevice(path, luks.DeviceOptions{Write: true})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	v, err := luks.Load(t.Context(), dev)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.EnableFar(t.Context(), luks.Room{}); err != nil {
		t.Fatal(err)
	}
	if _, err := dev.WriteAt(make([]byte, 1<<20), 0); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAVolumeWithoutHeadsOpensByItsFarHeader(t *testing.T) {
	path := headless(t)
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	const uuid = "UUID=aaaaaaaa-0000-4000-8000-00000000000a"
	for _, c := range []struct {
		what, device, options string
		asked                 int
		want                  error
	}{
		{"by uuid", uuid, "none", 1, nil},
		{"by path", path, "none", 1, nil},
		{"a key file is not enough unless told", uuid, key, 1, nil},
		{"a key file where that is told", uuid, key + " x-orthrus.far=open", 0, nil},
		{"not by uuid", uuid, "none x-orthrus.far=no,x-systemd.device-timeout=1s", 0, device.ErrMissing},
		{"not by path", path, "none x-orthrus.far=no", 0, ErrFarNotUsed},
		{"another uuid", "UUID=bbbbbbbb-0000-4000-8000-00000000000a", "none x-systemd.device-timeout=1s", 0, device.ErrMissing},
	} {
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		o := booted(t, says("one"), "root "+c.device+" "+c.options, "", func(config *Config) {
			config.patience = time.Millisecond
			config.unclaimed = func() []device.Identity { return []device.Identity{{Node: path}} }
		})
		if !errors.Is(o.err, c.want) || len(o.person.asked) != c.asked {
			t.Errorf("%s: %s, %v, asked %q", c.what, o.states(), o.err, o.person.asked)
		}
		if o.told(FarHeader) == (c.what == "another uuid") {
			t.Errorf("%s: told %v", c.what, o.events)
		}
		for _, e := range o.events {
			if e.Kind == FarHeader && e.Node != path {
				t.Errorf("%s: the far header is said to be on %q", c.what, e.Node)
			}
		}
		if c.asked > 0 && !strings.Contains(o.person.asked[0], "far header") {
			t.Errorf("%s: asked %q", c.what, o.person.asked)
		}
		if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
			t.Errorf("%s: the device was written to, %v", c.what, err)
		}
	}
}
