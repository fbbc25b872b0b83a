// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

// disk is an image in memory with unreadable 512-byte sectors.
type disk struct {
	image []byte
	bad   map[int64]bool
}

func (d *disk) Size() int64 { return int64(len(d.image)) }

func (d *disk) ReadAt(p []byte, off int64) (int, error) {
	for sector := off / 512; sector*512 < off+int64(len(p)); sector++ {
		if d.bad[sector] {
			return 0, syscall.EIO
		}
	}
	return bytes.NewReader(d.image).ReadAt(p, off)
}

func (d *disk) WriteAt(p []byte, off int64) (int, error) { return copy(d.image[off:], p), nil }
func (d *disk) Sync() error                              { return nil }

func vector(name string) *disk {
	image, _ := vectors.Open(name)
	return &disk{image: image, bad: map[int64]bool{}}
}

func report(t *testing.T, d *disk) Report {
	t.Helper()
	before := sha256.Sum256(d.image)
	r, err := Judge(Read(d))
	if err != nil {
		t.Fatal(err)
	}
	if sha256.Sum256(d.image) != before {
		t.Fatal("a report changed the image")
	}
	return r
}

// rewrite commits changed metadata to both copies with the sequence numbers given.
func rewrite(t *testing.T, d *disk, primary, secondary uint64, edit func(c *luks2.Copy)) {
	t.Helper()
	now, err := header.Choose(header.Read(d))
	if err != nil {
		t.Fatal(err)
	}
	for place, seqid := range []uint64{primary, secondary} {
		c := now.Copy
		c.Metadata = c.Metadata.Clone()
		edit(&c)
		c.Header.SeqID, c.Header.Offset = seqid, uint64(place)*c.Header.Size
		p, err := luks2.Encode(c)
		if err != nil {
			t.Fatal(err)
		}
		copy(d.image[c.Header.Offset:], p)
	}
}

func TestEveryRecordedVolumeIsHealthy(t *testing.T) {
	for _, m := range vectors.All() {
		r := report(t, vector(m.Name))
		if r.Verdict != "healthy" || len(r.Keyslots) == 0 || r.Segments[0].Offset != uint64(m.DataOffset) || r.Segments[0].Cipher != m.Encryption {
			t.Errorf("%s: %s, %+v", m.Name, r.Verdict, r)
		}
		for _, k := range r.Keyslots {
			if k.State != Plausible || k.Entropy < 7.9 {
				t.Errorf("%s: keyslot %d: %s, entropy %v", m.Name, k.ID, k.State, k.Entropy)
			}
		}
	}
}

func TestDamageIsNamed(t *testing.T) {
	const name = "luks2-metadata-64k" // two keyslots, metadata of 64 KiB
	cases := []struct {
		name    string
		harm    func(t *testing.T, d *disk)
		verdict string
		finding string // part of one
		tool    string // part of what a tool says
	}{
		{"primary overwritten", func(_ *testing.T, d *disk) { clear(d.image[:65536]) }, "healable", "primary header at byte 0 is absent", "cryptsetup would recover the primary from the secondary"},
		{"checksum of the secondary", func(_ *testing.T, d *disk) { d.image[65536+5000] ^= 1 }, "healable", "secondary header at byte 65536 is damaged: csum: checksum mismatch", "recover the secondary from the primary"},
		{"unreadable primary", func(_ *testing.T, d *disk) { d.bad[3] = true }, "healable", "primary header at byte 0 is unreadable: input/output error", "refuses at most positions"},
		{"both heads", func(_ *testing.T, d *disk) { clear(d.image[:512]); clear(d.image[65536 : 65536+512]) }, "lost", "no valid header is left", "refuses: no valid header"},
		{"both magics", func(_ *testing.T, d *disk) { clear(d.image[:6]); clear(d.image[65536 : 65536+6]) }, "lost", "LUKS2 header at byte 65536 lacks its magic", "blkid does not see LUKS"},
		{"stale primary", func(t *testing.T, d *disk) { rewrite(t, d, 5, 6, func(*luks2.Copy) {}) }, "healable", "primary header at byte 0 is stale: older than seqid 6", "recover the primary from the secondary"},
		{"wrap", func(t *testing.T, d *disk) { rewrite(t, d, 0, 1<<64-1, func(*luks2.Copy) {}) }, "healable", "secondary header at byte 65536 is stale: older than seqid 0", "greater seqid"},
		{"conflict", conflict, "healable", "secondary header at byte 65536 is conflicting", "does not compare the copies"},
		{"one keyslot", func(_ *testing.T, d *disk) { clear(d.image[131072+8192:][:512]) }, "healable", "keyslot 0: key material is damaged: no encrypted data at byte 139264", ""},
		{"unreadable keyslot", func(_ *testing.T, d *disk) { d.bad[131072/512+9] = true }, "healable", "keyslot 0: key material is unreadable", ""},
		{"both keyslots", func(_ *testing.T, d *disk) { clear(d.image[131072:647168]) }, "lost", "no keyslot that opens the data is whole", ""},
		{"cut in the keyslots", func(_ *testing.T, d *disk) { d.image = d.image[:400000] }, "lost", "too small", "refuses"},
		{"short device", func(t *testing.T, d *disk) { fix(t, d, 1<<20) }, "healable", "917504 bytes of data are not there", "refuses: the device is too small"},
		{"room behind the data", func(t *testing.T, d *disk) { fix(t, d, 65536) }, "healthy", "65536 bytes behind the data", "ignores the fixed size"},
		{"ambiguous", func(_ *testing.T, d *disk) { clear(d.image[:16]); xfs(d) }, "healable", "signature of xfs", "ambiguous signatures"},
		{
			"sectors of no kernel", segment("sector_size", json.Number("1073741824")), "lost",
			"no kernel maps sectors of 1073741824 bytes", "",
		},
		{
			"data behind every device", segment("offset", "18446744073709547520"), "lost",
			"bytes at byte 18446744073709547520 lie on no device", "",
		},
		{"data behind this device", segment("offset", "9223372036854771712"), "healable", "", ""},
		{"detached", func(_ *testing.T, d *disk) { d.image = d.image[:1<<20] }, "healthy", "detached header", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := vector(name)
			c.harm(t, d)
			r := report(t, d)
			if r.Verdict != c.verdict {
				t.Errorf("verdict %s, want %s", r.Verdict, c.verdict)
			}
			if !slices.ContainsFunc(r.Findings, func(f Finding) bool { return strings.Contains(f.Text, c.finding) }) {
				t.Errorf("findings %+v lack %q", r.Findings, c.finding)
			}
			if !slices.ContainsFunc(r.Tools, func(o Opinion) bool { return strings.Contains(o.Tool+" "+o.Says, c.tool) }) {
				t.Errorf("tools %+v lack %q", r.Tools, c.tool)
			}
		})
	}
}

// segment gives a member of the data segment another value, in both heads.
func segment(member string, value any) func(*testing.T, *disk) {
	return func(t *testing.T, d *disk) {
		err := vectors.Reseal(d.image, func(meta vectors.Object) {
			meta["segments"].(vectors.Object)["0"].(vectors.Object)[member] = value
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func conflict(t *testing.T, d *disk) {
	label := ""
	rewrite(t, d, 6, 6, func(c *luks2.Copy) { c.Header.Label = label; label += "other" })
}

// fix gives the data segment a size.
func fix(t *testing.T, d *disk, size uint64) {
	rewrite(t, d, 7, 7, func(c *luks2.Copy) {
		if err := c.Metadata.SetSegmentSize(0, size); err != nil {
			t.Fatal(err)
		}
	})
}

// xfs puts the start of an XFS superblock over the header: magic, block size 4096, sector size 512,
// one allocation group.
func xfs(d *disk) {
	clear(d.image[:512])
	for at, text := range map[int]string{
		0: "XFSB\x00\x00\x10\x00", 8: "\x00\x00\x00\x00\x00\x00\x00\x80", 84: "\x00\x00\x00\x80\x00\x00\x00\x01",
		100: "\xb4\xa4\x02\x00\x02\x00\x00\x08", 120: "\x0c\x09\x09\x03\x07\x00\x00\x19",
	} {
		copy(d.image[at:], text)
	}
}

func TestNothingOfLUKS(t *testing.T) {
	noise := make([]byte, 1<<20)
	if _, err := rand.Read(noise); err != nil {
		t.Fatal(err)
	}
	for _, image := range [][]byte{noise, make([]byte, 1<<20), nil} {
		if _, err := Judge(Read(&disk{image: image})); !errors.Is(err, ErrNotLUKS) {
			t.Errorf("%d bytes: %v", len(image), err)
		}
	}
}

func TestLUKS1GlitchesAndDamage(t *testing.T) {
	cases := []struct {
		name             string
		harm             func(p []byte)
		verdict, finding string
	}{
		{"upper case", func(p []byte) { copy(p[72:], "SHA1") }, "healable", "hashSpec: hash in upper case"},
		{"unknown flag", func(p []byte) { copy(p[208+48:], "\x00\x00\x00\x00") }, "healable", "keyslot 1: active: unknown keyslot flag"},
		{"stripes in use", func(p []byte) { p[208+47]++ }, "lost", "keyslot 0: stripes"},
		{"no key size", func(p []byte) { copy(p[108:], "\x00\x00\x00\x00") }, "lost", "keyBytes"},
		{"unending cipher", func(p []byte) { copy(p[8:], strings.Repeat("x", 32)) }, "lost", "cipherName"},
		{"overlap", func(p []byte) { copy(p[208+48+40:], p[208+40:][:4]); copy(p[208+48:], "\x00\xac\x71\xf3") }, "lost", "keyslots 0 and 1 overlap"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := vector("luks1-sha1")
			c.harm(d.image)
			r := report(t, d)
			if r.Verdict != c.verdict || !slices.ContainsFunc(r.Findings, func(f Finding) bool { return strings.Contains(f.Text, c.finding) }) {
				t.Errorf("%s: %+v", r.Verdict, r.Findings)
			}
		})
	}
}

func TestBootLoaderRefusals(t *testing.T) {
	cases := []struct {
		name  string
		harm  func(t *testing.T, d *disk)
		opens []int
		why   string
	}{
		{"luks2-argon2id-4096", nil, []int{}, "keyslot 0: argon2id"},
		{"luks2-metadata-64k", nil, []int{0, 1}, ""},
		{"luks2-unbound", nil, []int{0}, "keyslot 3: does not open the data"},
		{"luks1-ripemd", nil, []int{0}, ""},
		{"luks2-metadata-64k", func(_ *testing.T, d *disk) { clear(d.image[65536 : 65536+8]) }, []int{}, "the secondary header is absent"},
		{"luks2-metadata-64k", func(_ *testing.T, d *disk) { clear(d.image[131072:389120]) }, []int{1}, "keyslot 0: key material is damaged"},
		{"luks2-metadata-64k", func(t *testing.T, d *disk) {
			rewrite(t, d, 9, 9, func(c *luks2.Copy) {
				if err := c.Metadata.SetPriority(1, luks2.PriorityIgnore); err != nil {
					t.Fatal(err)
				}
			})
		}, []int{0}, "keyslot 1: priority ignore"},
	}
	for _, c := range cases {
		d := vector(c.name)
		if c.harm != nil {
			c.harm(t, d)
		}
		for _, l := range BootReport(report(t, d)) {
			if !slices.Equal(l.Keyslots, c.opens) || !strings.Contains(strings.Join(l.Refuses, "; "), c.why) {
				t.Errorf("%s, %s: opens %v, refuses %q", c.name, l.Name, l.Keyslots, l.Refuses)
			}
		}
	}
}

func TestCiphersOfBootLoaders(t *testing.T) {
	for text, known := range map[string]bool{
		"aes-xts-plain64": true, "serpent-xts-plain64": true, "aes-cbc-essiv:sha256": true, "aes-lrw-benbi": true,
		"xchacha12,aes-adiantum-plain64": false, "aes-xts-random": false, "aria-xts-plain64": false, "capi:xts(aes)-plain64": false, "": false,
	} {
		if got := grubCipher(text) == ""; got != known {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestLayoutCoversTheDeviceWithoutGapOrOverlap(t *testing.T) {
	for _, m := range vectors.All() {
		for _, harm := range []func(d *disk){
			func(*disk) {}, func(d *disk) { clear(d.image[:4096]) }, func(d *disk) { d.image = d.image[:len(d.image)-1000] },
			func(d *disk) { clear(d.image[:6]); clear(d.image[16384:16390]); clear(d.image[65536:65542]) },
		} {
			d := vector(m.Name)
			harm(d)
			e := Read(d)
			r, err := Judge(e)
			if err != nil {
				continue
			}
			at := uint64(0)
			regions := Layout(r, KeyslotRoom(e))
			for _, region := range regions {
				if region.Offset != at || region.Size == 0 {
					t.Errorf("%s: %+v does not begin at %d", m.Name, region, at)
				}
				at = region.Offset + region.Size
			}
			if at != uint64(len(d.image)) {
				t.Errorf("%s: ends at %d of %d", m.Name, at, len(d.image))
			}
		}
	}
}

func TestPictureMarksDamage(t *testing.T) {
	d := vector("luks2-metadata-64k")
	clear(d.image[65536:131072])
	clear(d.image[389120:400000])
	e := Read(d)
	r, err := Judge(e)
	if err != nil {
		t.Fatal(err)
	}
	lines := Picture(Layout(r, KeyslotRoom(e)), 76)
	if len(lines[0]) != 76 || !strings.HasPrefix(lines[0], "[P") || !strings.Contains(lines[0], "PX") || !strings.Contains(lines[0], "0X") || !strings.HasSuffix(lines[0], "#]") {
		t.Errorf("bar %q", lines[0])
	}
	if want := " X           65536           65536  secondary header (damaged absent)"; lines[2] != want {
		t.Errorf("line %q, want %q", lines[2], want)
	}
}

func TestDrawingIsXML(t *testing.T) {
	e := Read(vector("luks2-unbound"))
	r, err := Judge(e)
	if err != nil {
		t.Fatal(err)
	}
	drawing := xml.NewDecoder(strings.NewReader(SVG("a <b> & \"c\"", Layout(r, KeyslotRoom(e)))))
	elements := 0
	for {
		token, err := drawing.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, start := token.(xml.StartElement); start {
			elements++
		}
	}
	if want := 3 + 4*7; elements != want {
		t.Errorf("%d elements, want %d", elements, want)
	}
}

func TestReportAsJSON(t *testing.T) {
	text, err := json.Marshal(report(t, vector("luks2-unbound")))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"verdict":"healthy"`, `"state":"plausible"`, `"findings":[]`, `"opens_data":false`} {
		if !strings.Contains(string(text), part) {
			t.Errorf("%s lacks %s", text, part)
		}
	}
}

func TestHeaderLengthsAreThoseOfLUKS1(t *testing.T) {
	if e := Read(vector("luks1-sha1")); KeyslotRoom(e).Offset != 8*luks1.SectorSize {
		t.Errorf("room %+v", KeyslotRoom(e))
	}
}
