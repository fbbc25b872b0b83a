// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os/exec"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/foreign/bitlk"
	"github.com/orthrus-luks/orthrus/test/bitlkimage"
)

// Another reader of BitLocker than cryptsetup opens the volumes of our tests by each protector, and reads in them what
// was written and what we read.
func TestDislockerReadsWhatWeReadOfBitLockerVolumes(t *testing.T) {
	same, all := 0, 0
	for method := uint16(0x8000); method <= 0x8005; method++ {
		b := newBed(t)
		o := bitlkimage.Options{Method: method, Passphrase: bitlkPassphrase, Recovery: bitlkRecovery, Startup: true}
		im := bitlkimage.Make(o)
		b.write("volume", string(im.Bytes))
		b.write("startup", string(im.BEK))
		ours := userSpace(t, im)
		if !bytes.Equal(ours, im.Plain) {
			t.Fatalf("method %x: ours is not what was written", method)
		}
		for name, key := range map[string]string{
			"passphrase": "-u" + bitlkPassphrase, "recovery password": "-p" + bitlkRecovery,
			"startup key": "-fstartup",
		} {
			all++
			cmd := exec.Command("dislocker-file", "-V", "volume", key, "--", name)
			cmd.Dir = b.dir
			if said, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("method %x, %s: %v\n%s", method, name, err, said)
				continue
			}
			theirs := b.read(name)
			at := firstDifference(ours, theirs)
			fmt.Printf("method %x, %s: SHA-256 of %d bytes %.6x, of dislocker's %.6x, first difference at %d\n", method, name,
				len(ours), sha256.Sum256(ours), sha256.Sum256(theirs), at)
			if at >= 0 {
				t.Errorf("method %x, %s: byte %d of %d and %d differs", method, name, at, len(ours), len(theirs))
				continue
			}
			same++
		}
	}
	fmt.Printf("dislocker: %d of %d times it reads what we read of BitLocker volumes\n", same, all)
}

// firstDifference is -1 for none.
func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	if len(a) != len(b) {
		return min(len(a), len(b))
	}
	return -1
}

// userSpace is what we read without a kernel.
func userSpace(t *testing.T, im *bitlkimage.Image) []byte {
	t.Helper()
	v, err := bitlk.Load(bytes.NewReader(im.Bytes), int64(len(im.Bytes)))
	if err != nil {
		t.Fatal(err)
	}
	key, err := v.Unlock(context.Background(), []byte(bitlkPassphrase))
	if err != nil {
		t.Fatal(err)
	}
	defer key.Close()
	p, err := v.Plaintext(bytes.NewReader(im.Bytes), key)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	got, err := io.ReadAll(io.NewSectionReader(p, 0, p.Size()))
	if err != nil {
		t.Fatal(err)
	}
	return got
}
