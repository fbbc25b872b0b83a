// SPDX-License-Identifier: Apache-2.0

package luks_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/repair"
)

// edited is a file with a volume whose metadata had their text changed.
func edited(t *testing.T, from, to string) string {
	t.Helper()
	dev, v := formatted(t, 2)
	next := v.Choice.Copy
	text := regexp.MustCompile(from).ReplaceAll(next.Metadata.Text(), []byte(to))
	if bytes.Equal(text, next.Metadata.Text()) && from != "" {
		t.Fatalf("no %s in %s", from, text)
	}
	var err error
	if next.Metadata, err = luks2.ParseMetadata(text); err != nil {
		t.Fatal(err)
	}
	plan, err := header.PlanUpdate(v.Heads, v.Choice, next, zeros{})
	if err != nil {
		t.Fatal(err)
	}
	if err := commit.Apply(dev, commit.Mending(nil, plan)); err != nil {
		t.Fatal(err)
	}
	return fileOf(t, dev.image)
}

func fileOf(t *testing.T, image []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(path, image, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestOpenRefusesBeforeItAsksTheKernel: each of these needs neither a key nor device-mapper.
func TestOpenRefusesBeforeItAsksTheKernel(t *testing.T) {
	good := edited(t, "", "")
	blank := fileOf(t, make([]byte, 20<<20))
	atStart := edited(t, `"offset":"[0-9]+","size":"dynamic"`, `"offset":"0","size":"dynamic"`)
	var name *dm.NameError
	var requirements *luks.RequirementsError
	for _, c := range []struct {
		what, device string
		o            luks.OpenOptions
		want         any // an error, or where one of that type goes
	}{
		{"no name", good, luks.OpenOptions{Name: ""}, &name},
		{"a name with a slash", good, luks.OpenOptions{Name: "a/b"}, &name},
		{"the name of the control node", good, luks.OpenOptions{Name: "control"}, &name},
		{"no device", "", luks.OpenOptions{}, luks.ErrNoDevice},
		{"a device that is not there", good + "-", luks.OpenOptions{}, fs.ErrNotExist},
		{"a UUID that nothing has", "UUID=0a1b2c3d-ffff-4000-8000-000000000000", luks.OpenOptions{}, fs.ErrNotExist},
		{"a header that is not there", good, luks.OpenOptions{Header: good + "-"}, fs.ErrNotExist},
		{"what is no volume", blank, luks.OpenOptions{}, luks.ErrNotLUKS},
		{"a header that is none", good, luks.OpenOptions{Header: blank}, luks.ErrNotLUKS},
		{"no far header", blank, luks.OpenOptions{FromFar: true}, repair.ErrNoFar},
		{"a far header beside sound heads", good, luks.OpenOptions{FromFar: true}, repair.ErrHeadValid},
		{"a detached header and a far one", good, luks.OpenOptions{FromFar: true, Header: good}, luks.ErrUnsupported},
		{"an unknown requirement", edited(t, `"config":{`, `"config":{"requirements":{"mandatory":["future"]},`), luks.OpenOptions{}, &requirements},
		{"a cipher that encrypts nothing", edited(t, `"aes-xts-plain64","sector_size"`, `"cipher_null-ecb","sector_size"`), luks.OpenOptions{}, luks.ErrUnsupported},
		{"data that lie over their header", atStart, luks.OpenOptions{Header: linked(t, atStart)}, luks.ErrGeometry},
	} {
		if _, unnamed := c.want.(**dm.NameError); !unnamed {
			c.o.Name = "x"
		}
		m, err := luks.Open(context.Background(), c.device, []byte("one"), c.o)
		if target, is := c.want.(error); is && !errors.Is(err, target) || !is && !errors.As(err, c.want) || m != nil {
			t.Errorf("%s: %v, %v", c.what, m, err)
		}
	}
	var none *luks.Mapping
	if err := none.Close(); err != nil {
		t.Errorf("closing nothing: %v", err)
	}
}

// linked is another name of a file.
func linked(t *testing.T, path string) string {
	t.Helper()
	if err := os.Link(path, path+".2"); err != nil {
		t.Fatal(err)
	}
	return path + ".2"
}
