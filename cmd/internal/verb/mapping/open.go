// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"context"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/guarded"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/keys"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/luks"
)

// openOptions are those that only open takes.
type openOptions struct {
	linkForGuard bool
}

// Open declares the verb.
func Open() verb.Verb {
	var o openOptions
	return verb.Verb{
		Verb: cli.Verb{
			Name: "open", Group: cli.GroupMapping, Args: "<device> [--type <type>] [<name>]", MinArgs: 1, First: 3,
			Summary: "unlock a device and map it as <name>",
			Aliases: []cli.Alias{
				{Name: "create", Type: "plain", Swapped: true},
				{Name: "plainOpen", Type: "plain"},
				{Name: "luksOpen", Type: "luks"},
				{Name: "loopaesOpen", Type: "loopaes"},
				{Name: "tcryptOpen", Type: "tcrypt"},
				{Name: "bitlkOpen", Type: "bitlk"},
				{Name: "fvault2Open", Type: "fvault2"},
				{Name: "refresh", Refresh: true},
			},
			Takes: cli.OfHeader + cli.OfPassphrase + cli.OfTokens + cli.OfVolumeKey + cli.OfMapping +
				cli.CryptFlags() + "cipher device-size disable-veracrypt external-tokens-path hash " +
				"key-description key-size key-slot link-vk-to-keyring offset persistent refresh " +
				"sector-size serialize-memory-hard-pbkdf shared size skip test-passphrase tcrypt-backup " +
				"tcrypt-hidden tcrypt-system tries type unbound veracrypt-pim veracrypt-query-pim header-from-far " +
				"null-cipher",
			Options: []cli.Option{
				{
					Long: "link-for-guard", Into: &o.linkForGuard,
					Help: "let the guard enlarge the mapping: keep a kernel key that nobody can read until it is closed",
				},
			},
			Reads: foreignTypes(),
			Rules: openRules(&o),
			Needs: []cli.Need{openNeeds},
			About: []string{
				"Unlocks the volume on the device and maps its data as /dev/mapper/<name>. A regular file is " +
					"mapped through a loop device, which goes away with the mapping. With --test-passphrase the " +
					"passphrase is only checked; that needs neither a name nor device-mapper.",
				"With --type plain the device has no header: the passphrase, hashed by --hash, or the key file " +
					"as it is, becomes the key, and --cipher, --key-size, --offset, --skip, --size and --sector-size " +
					"say how.",
				"With --type bitlk the device is a BitLocker volume. It opens by its passphrase, by the recovery " +
					"password of 48 digits, or by a startup key file (--key-file FILE.BEK); one whose protection is " +
					"suspended opens without any. What is still being encrypted or decrypted is refused, and a " +
					"volume that only a TPM or a smart card opens. A crypttab has it as bitlk.",
				"With --type tcrypt the device is a TrueCrypt or VeraCrypt volume. Nothing marks one: a wrong " +
					"passphrase and a device that is none look alike. --key-file names its key files, any number, " +
					"beside the passphrase, which comes from the terminal or a line of standard input. " +
					"--veracrypt-pim or --veracrypt-query-pim gives the PIM, --tcrypt-hidden opens the hidden " +
					"volume, --tcrypt-backup uses the copy of the header at the end, --tcrypt-system that of an " +
					"encrypted system, --header another device or file. --hash and --cipher shorten the search. A " +
					"cascade of ciphers is a device for each, which close removes together. A crypttab has it as " +
					"tcrypt, with tcrypt-keyfile=, tcrypt-hidden, tcrypt-system and veracrypt-pim=. CAST5, " +
					"Triple DES and Blowfish are tried where the kernel computes them; Blowfish and Kuznyechik, " +
					"which no kernel maps, are shown by tcryptDump alone.",
				"With --type loopaes the device is a loop-AES volume, which has no header: the key file of one, 64 " +
					"or 65 lines is all that opens it, and nothing tells a wrong one. One that gpg encrypted comes " +
					"decrypted through --key-file -. --key-size, --hash, --cipher, --offset and --skip say how.",
				"With --type fvault2 the device is a FileVault 2 volume on Core Storage, such as an external disk " +
					"that macOS encrypted before APFS. It opens by the passphrase of any of its users. What is still " +
					"being encrypted or decrypted is refused, and a volume in several pieces. A crypttab " +
					"has it as fvault2.",
				"A volume on which a reencryption was interrupted opens with both of its keys, by one passphrase or " +
					"two, each part of the data under its own. Where a zone was being rewritten it opens with " +
					"--readonly only, as it is; repair brings the zone to its end.",
				"Where both copies of a LUKS2 header are sound nothing is written. A damaged copy is mended from " +
					"the other one, unless the device bears the signature of something else.",
			},
			Examples: []cli.Example{
				{
					What: "Unlock, with what is to be unlocked named by its UUID:",
					Line: "orthrus open UUID=8f3c2b1e-6d5a-4c7b-9e80-112233445566 data",
				},
				{
					What: "Ask whether a key file opens keyslot 1:",
					Line: "orthrus open --test-passphrase --key-slot 1 --key-file k /dev/sdb2",
				},
			},
			SeeAlso: []string{"close", "luksFormat", "status"},
		},
		Run: func(ctx context.Context, c *verb.Command) error { return openVolume(ctx, c, &o) },
	}
}

// openVolume unlocks a volume and maps it, or with --test-passphrase only unlocks it.
func openVolume(ctx context.Context, c *verb.Command, o *openOptions) error {
	if c.Opt.Refresh {
		return refresh(ctx, c)
	}
	switch kind := c.Opt.Type.Or("luks"); kind {
	case "luks", "luks1", "luks2":
	case cli.TypePlain:
		return openPlain(ctx, c)
	default:
		return openForeign(ctx, c, kind)
	}
	if c.Opt.TestPassphrase {
		return testPassphrase(ctx, c)
	}
	return openLUKS(ctx, c, o)
}

func testPassphrase(ctx context.Context, c *verb.Command) error {
	v, err := volume.Load(ctx, c, volume.Unlocked)
	if err != nil {
		return err
	}
	defer v.Close()
	if c.Opt.Header.Set {
		if err := deviceExists(c); err != nil {
			return err
		}
	}
	how := keys.Opening(c, keys.EnterFor(v.Path))
	how.Unbound = c.Opt.Unbound || c.Opt.KeySlot.Set
	link, err := keys.Link(c)
	if err != nil {
		return err
	}
	key, err := keys.Unlock(ctx, c, v, how)
	if err != nil {
		return err
	}
	_, err = link.Enter(key.Bytes())
	if err == nil && key.Keyslot != luks.AnyKeyslot {
		c.UI.Advisef("It opens keyslot %d of %s.", key.Keyslot, v.Path)
	}
	return errors.Join(err, key.Close())
}

// byKeyslot ends a sentence with the keyslot that gave the key; a volume key that was given is of none.
func byKeyslot(key *luks.Key) string {
	if key.Keyslot == luks.AnyKeyslot {
		return ""
	}
	return fmt.Sprintf(" with keyslot %d", key.Keyslot)
}

// openLUKS checks everything that needs no passphrase before it asks for one.
func openLUKS(ctx context.Context, c *verb.Command, o *openOptions) error {
	name := c.Args[1]
	if err := checkName(name); err != nil {
		return err
	}
	v, err := volume.Load(ctx, c, volume.Unlocked)
	if err != nil {
		return err
	}
	defer v.Close()
	if v.Version == 2 && v.Metadata().Reencrypting() {
		return openMidway(ctx, c, v)
	}
	if err := volume.Supported(v); err != nil {
		return err
	}
	if err := volume.AllowCipher(c, v.Data.Cipher); err != nil {
		return err
	}
	control, err := controlFor(c, name)
	if err != nil {
		return err
	}
	defer control.Close()
	data, err := openData(c, v, c.Opt.ReadOnly)
	if err != nil {
		return err
	}
	defer data.Close()
	if _, err := data.Volume.Mapping(name, data.Disk); err != nil { // before anybody is asked
		return verb.DeviceError(data.shown, err)
	}
	if v.Data.Integrity != nil {
		if err := tagFlags(crypt(c, v)); err != nil {
			return err
		}
	}
	link, err := keys.Link(c)
	if err != nil {
		return err
	}
	key, err := keys.Unlock(ctx, c, v, keys.Opening(c, keys.EnterFor(data.shown)))
	if err != nil {
		return err
	}
	defer key.Close()
	if err := notTooShort(c, v, data, key); err != nil {
		return err
	}
	undo, err := link.Enter(key.Bytes())
	if err != nil {
		return err
	}
	if err := activateVolume(ctx, c, control, v, data, key); err != nil {
		return errors.Join(err, undo())
	}
	c.UI.Advisef("%s is open as /dev/mapper/%s%s.", data.shown, name, byKeyslot(key))
	return guarded.LinkKey(ctx, c, v, data.Disk.Device, key, o.linkForGuard)
}
