// SPDX-License-Identifier: Apache-2.0

package activate

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/keyring"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/luks/sector"
)

// The kinds of mapping, as they stand in the device-mapper uuid.
const (
	LUKS1   = "LUKS1"
	LUKS2   = "LUKS2"
	Plain   = "PLAIN"
	Bitlk   = "BITLK"
	Tcrypt  = "TCRYPT"
	LoopAES = "LOOPAES"
	FVault2 = "FVAULT2"
	Lower   = "SUBDEV" // below another, of which it is part
)

// Mapping is a mapping to be made.
type Mapping struct {
	Name       string
	Kind       string // LUKS1, LUKS2, Plain, LoopAES; what has several lines, or devices as Tcrypt, is no Mapping
	VolumeUUID string // empty for others than LUKS
	Device     dm.Number
	Offset     uint64 // where the data starts on Device, 512-byte sectors
	Length     uint64 // 512-byte sectors
	IVOffset   uint64 // 512-byte sectors
	Cipher     string
	SectorSize int // bytes
	Key        *secret.Buffer
	// KeyDescription names the key for the keyring: see LogonDescription. Empty puts the key into
	// the table.
	KeyDescription string
	Flags          target.CryptFlags
	ReadOnly       bool
	ReadAhead      uint // least read-ahead, 512-byte sectors: that of Device
	Tag            Tag  // of each sector, where they are authenticated
	// Tags is the line of dm-integrity that Activate puts below; nil where there is none, or where Device is that.
	Tags *target.Integrity
}

// UUID is the mapping's device-mapper uuid, "CRYPT-LUKS2-<uuid without dashes>-<name>", by which
// other tools know it.
func UUID(kind, volume, name string) string {
	parts := []string{"CRYPT", kind}
	if volume != "" {
		parts = append(parts, strings.ReplaceAll(volume, "-", ""))
	}
	uuid := strings.Join(append(parts, name), "-")
	return uuid[:min(len(uuid), maxUUID)]
}

// maxUUID is what the device-mapper takes (DM_UUID_LEN with its NUL is 129); the rest of a long name is left
// out, as cryptsetup does it.
const maxUUID = 128

// LogonDescription is the name under which cryptsetup puts a LUKS2 volume key into the keyring.
func LogonDescription(volume string, digest int) string {
	return fmt.Sprintf("cryptsetup:%s-d%d", volume, digest)
}

// Target is the crypt line of the mapping. With byRing the key is named, otherwise a copy of it is
// in the line, which the caller closes.
func (m Mapping) Target(byRing bool) (*target.Crypt, error) {
	t := &target.Crypt{
		Length: m.Length, Cipher: m.Cipher, IVOffset: m.IVOffset, Device: m.Device.String(),
		Offset: m.Offset, Flags: m.Flags,
		IntegrityTag: m.Tag.Size, IntegrityKind: m.Tag.Kind, IntegrityKeySize: m.Tag.KeySize,
	}
	if m.SectorSize != 512 {
		t.SectorSize = uint32(m.SectorSize)
	}
	if byRing {
		t.Key.Ring = &target.RingKey{Size: m.Key.Len(), Type: keyring.TypeLogon, Description: m.KeyDescription}
		return t, nil
	}
	if m.keyless() {
		return t, nil
	}
	var err error
	t.Key.Raw, err = secret.Copy(m.Key.Bytes())
	return t, err
}

// keyless: the kernel takes no key for a cipher that encrypts nothing, whatever the header says.
func (m Mapping) keyless() bool { return m.Key.Len() == 0 || sector.IsNull(m.Cipher) }

// Activate makes the mapping and returns when its node is there. On failure no device is left
// behind. Errors are those of dm.Control.Activate.
func Activate(ctx context.Context, c *dm.Control, m Mapping) (dm.Info, error) {
	if m.Tag.Size == 0 {
		return activateCrypt(ctx, c, m)
	}
	return activateTagged(ctx, c, m)
}

func activateCrypt(ctx context.Context, c *dm.Control, m Mapping) (dm.Info, error) {
	var info dm.Info
	err := withKey(m, func(byRing bool) error {
		return m.withTable(byRing, func(table dm.Table) (err error) {
			info, err = c.Activate(ctx, dm.Plan{
				Name: m.Name, UUID: UUID(m.Kind, m.VolumeUUID, m.Name), Table: table,
				ReadOnly: m.ReadOnly, ReadAhead: m.ReadAhead,
			})
			return err
		})
	})
	return info, err
}

// Reload exchanges the table of a running mapping, for another length or other flags. A key that came out
// of a table came through Current.Key. A suspended mapping is refused (ErrSuspended); on any failure the
// old table stays and runs on.
func Reload(ctx context.Context, c Mapper, m Mapping) error {
	return withKey(m, func(byRing bool) error {
		return m.withTable(byRing, func(table dm.Table) error { return exchange(ctx, c, m.Name, table, m.ReadOnly) })
	})
}

func (m Mapping) withTable(byRing bool, use func(dm.Table) error) error {
	line, err := m.Target(byRing)
	if err != nil {
		return err
	}
	table := dm.Table{line}
	return errors.Join(use(table), table.Close())
}

// withKey puts the key into the thread keyring for as long as load runs, on a thread of its own.
// A kernel without keyrings gets the key in the table.
func withKey(m Mapping, load func(byRing bool) error) error {
	if m.KeyDescription == "" || m.keyless() {
		return load(false)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	id, err := keyring.Add(keyring.TypeLogon, m.KeyDescription, m.Key.Bytes(), keyring.Thread)
	if errors.Is(err, keyring.ErrUnsupported) {
		return load(false)
	}
	if err != nil {
		return err
	}
	err = load(true)
	return errors.Join(err, keyring.Unlink(id, keyring.Thread))
}
