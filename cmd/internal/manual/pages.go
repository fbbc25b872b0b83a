// SPDX-License-Identifier: Apache-2.0

package manual

import (
	"slices"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
)

// Options that any action takes, by what they are about.
var (
	ofHeader     = []string{"header", "disable-locks"}
	ofWriter     = []string{"header", "disable-locks", "dry-run"}
	ofPassphrase = []string{"key-file", "keyfile-offset", "keyfile-size", "timeout", "verify-passphrase", "allow-high-cost"}
	ofNewKey     = []string{"new-keyfile-offset", "new-keyfile-size"}
	ofTokens     = []string{"token-id", "token-type", "token-only", "disable-external-tokens"}
	ofVolumeKey  = []string{"volume-key-file", "volume-key-keyring"}
	ofCosts      = []string{"pbkdf-memory", "pbkdf-parallel", "hash"}
	ofMapping    = []string{"readonly", "disable-keyring", "perf-high_priority", "perf-no_read_workqueue", "perf-no_write_workqueue", "perf-same_cpu_crypt", "perf-submit_from_crypt_cpus"}
)

func uses(groups ...[]string) []string { return slices.Concat(groups...) }

// pages holds what is said of each action.
var pages = map[cli.Action]page{
	cli.Open: {
		about: []string{
			"Unlocks the volume on the device and maps its data as /dev/mapper/<name>. A regular file is mapped through a loop device, which goes away with the mapping. With --test-passphrase the passphrase is only checked; that needs neither a name nor device-mapper.",
			"With --type plain the device has no header: the passphrase, hashed by --hash, or the key file as it is, becomes the key, and --cipher, --key-size, --offset, --skip, --size and --sector-size say how.",
			"Where both copies of a LUKS2 header are sound nothing is written. A damaged copy is mended from the other one, unless the device bears the signature of something else.",
		},
		uses:     uses(ofHeader, ofPassphrase, ofTokens, ofVolumeKey, ofMapping, []string{"type", "tries", "cipher", "hash"}),
		examples: []example{{"Unlock, with what is to be unlocked named by its UUID:", "orthrus open UUID=8f3c2b1e-6d5a-4c7b-9e80-112233445566 data"}, {"Ask whether a key file opens keyslot 1:", "orthrus open --test-passphrase --key-slot 1 --key-file k /dev/sdb2"}},
	},
	cli.Close: {
		about:    []string{"Removes the mapping, and with it the key from the kernel. A device that is still in use is tried for five seconds; then those who hold it are named."},
		uses:     ofHeader,
		examples: []example{{"Remove it once its last user is gone:", "orthrus close --deferred data"}},
	},
	cli.Resize: {
		about: []string{"Makes the mapping as long as its device allows, or as long as --size or --device-size says. The length is not kept: the next open maps all of the device again. A volume whose key lives in the keyring needs its passphrase."},
		uses:  uses(ofHeader, ofPassphrase, ofTokens, ofVolumeKey),
	},
	cli.Status: {
		about: []string{"Shows the mapping as the kernel has it. A mapping that is not there is reported as inactive, with exit status 4."},
		uses:  []string{"header", "json"},
	},
	cli.Benchmark: {
		about: []string{"Measures key derivation and ciphers in memory. The ciphers are this program's own, on one core; those of the kernel, which serve a mapping, differ."},
		uses:  uses(ofCosts, []string{"cipher", "json"}),
	},
	cli.Repair: {
		about: []string{"Makes both copies of a LUKS2 header equal again, from the one that is sound and newer. Copies that differ under the same number, and one that cannot be read and may be newer than the other, are left alone until --choose names the one to keep."},
		uses:  uses(ofHeader, []string{"dry-run"}),
	},
	cli.Erase: {
		about: []string{"Destroys the material of every keyslot. Without a backup of the header nobody can open the volume any more. The header itself stays."},
		uses:  ofWriter,
	},
	cli.Convert: {
		about: []string{
			"Turns the metadata of a LUKS1 volume into LUKS2 metadata (--type luks2) or back (--type luks1). Data and passphrases stay; the volume must not be in use.",
			"Key material that is in the way is copied to free room first, never moved over itself, so that the volume opens at every instant with all its passphrases, and an interrupted conversion can be run again. Where there is no free room for one keyslot, remove one first.",
			"LUKS1 has 512-byte sectors, eight keyslots, PBKDF2 with one hash and no tokens: a volume that has more is refused. Label, subsystem, persistent flags and priorities are lost, which the question says.",
		},
		uses: ofWriter,
	},
	cli.Config: {
		about: []string{"Changes what LUKS2 metadata says without touching keys. Setting only one of label and subsystem clears the other."},
		uses:  ofWriter,
	},
	cli.LuksFormat: {
		about: []string{
			"Makes a new volume, LUKS2 unless --type luks1 is given. Sizes, cipher, key file and costs are checked before anybody is asked and before anything is written. Old signatures are wiped, unless --disable-blkid is given.",
			"The cost of key derivation is measured, to take --iter-time on this machine; --pbkdf-force-iterations takes it as given.",
			"With --header the header goes into a device or file of its own, which is made where it is missing, and the data device is left alone.",
		},
		uses:     uses(ofWriter, ofPassphrase, ofCosts, []string{"type", "cipher", "volume-key-file", "force-password", "progress-frequency"}),
		examples: []example{{"A volume with a label:", "orthrus luksFormat --label backup /dev/sdb2"}, {"From a script, the passphrase on a pipe:", "printf %s \"$secret\" | orthrus luksFormat -q --key-file - /dev/sdb2"}},
	},
	cli.LuksAddKey: {
		about: []string{
			"Protects the volume key with one more passphrase. Who adds one shows an old passphrase, a token or the volume key. --key-slot names the new keyslot, unless --new-key-slot does: then it names the old one.",
			"With --new-token-id the new passphrase is the one that this keyring token names, and the token gets the new keyslot. With --unbound the keyslot holds a key of its own, which opens no data.",
		},
		uses:     uses(ofWriter, ofPassphrase, ofNewKey, ofTokens, ofVolumeKey, ofCosts),
		examples: []example{{"Old key and new key on one stream:", "cat old new | orthrus luksAddKey --key-file - --keyfile-size 32 /dev/sdb2"}},
	},
	cli.LuksRemoveKey: {
		about: []string{"Destroys the keyslot that the given passphrase opens. Before the last one goes, that is said and asked about."},
		uses:  uses(ofWriter, ofPassphrase),
	},
	cli.LuksChangeKey: {
		about: []string{"Puts a new passphrase in place of the given one. The new keyslot is durable before the old one is wiped, so that there is no moment without a key. Priority, tokens and what this program does not know of the keyslot stay.", "Where all keyslots are taken, the new one takes a detour over room between the keyslots and the data. Where there is none either, the change is refused: remove another keyslot first."},
		uses:  uses(ofWriter, ofPassphrase, ofNewKey, ofCosts),
	},
	cli.LuksConvertKey: {
		about: []string{"Derives the key of a keyslot anew, with other costs or another function, from the same passphrase."},
		uses:  uses(ofWriter, ofPassphrase, ofCosts),
	},
	cli.LuksKillSlot: {
		about: []string{"Destroys the keyslot of that number, after a passphrase of another keyslot was shown. With -q nobody is asked at a terminal, and an empty standard input means that nothing is to be shown."},
		uses:  uses(ofWriter, ofPassphrase),
	},
	cli.LuksUUID: {
		about: []string{"Prints the UUID of the volume, or sets the one given by --uuid."},
		uses:  uses(ofWriter, []string{"json"}),
	},
	cli.IsLuks: {
		about: []string{"Exit status 0 means yes, 1 means no. Nothing is printed without -v or --json."},
		uses:  uses(ofHeader, []string{"type", "json"}),
	},
	cli.LuksDump: {
		about: []string{
			"Shows the header. With --dump-json-metadata or --json the JSON area of a LUKS2 header is shown as it stands there.",
			"With --dump-volume-key the volume key is shown, or put into the file named by --volume-key-file: whoever has it can read all data, whatever becomes of the passphrases.",
		},
		uses: uses(ofHeader, ofPassphrase, ofTokens, []string{"dump-json-metadata", "dump-volume-key", "volume-key-file", "json"}),
	},
	cli.LuksSuspend: {
		about: []string{"Holds all reads and writes of the mapping and takes its key out of the kernel, so that a stolen machine gives nothing away. Do not suspend what this program itself lives on."},
		uses:  ofHeader,
	},
	cli.LuksResume: {
		about: []string{"Gives a suspended mapping its key back and lets reads and writes go on."},
		uses:  uses(ofHeader, ofPassphrase, ofTokens, ofVolumeKey, []string{"tries", "disable-keyring"}),
	},
	cli.LuksHeaderBackup: {
		about: []string{"Copies header and keyslots into the file named by --header-backup-file, which must not exist and which only its owner may read. Passphrases that are changed later still open the copy: destroy it when a passphrase is lost to somebody."},
		uses:  uses(ofHeader, []string{"header-backup-file"}),
	},
	cli.LuksHeaderRestore: {
		about: []string{"Writes a header and its keyslots back from a backup. All keyslots that were made since are lost."},
		uses:  uses(ofWriter, []string{"header-backup-file"}),
	},
	cli.Token: {
		about:    []string{"add makes a token that names a passphrase in the kernel's keyring by --key-description; import and export move the JSON of a token from or to --json-file; remove drops it; unassign takes a keyslot out of its list."},
		uses:     uses(ofWriter, []string{"token-id", "json-file"}),
		examples: []example{{"Show token 0:", "orthrus token export --token-id 0 /dev/sdb2"}},
	},
	cli.Guard: {
		about: []string{
			"Without a further word the guard runs until it is told to stop (SIGTERM). It listens to udev, or where udevd does not run to the kernel and to inotify, looks at each block device that comes or changes, and reports what it finds. By default that is all it does: orthrus-guard.conf(5) says what it may mend.",
			"With repair = proven it writes a damaged or older header copy from the sound one, and puts both back where they were destroyed under an active mapping, without a passphrase. What it overwrites is kept first. It writes only on proof: the volume was seen in order before or the remains agree, nothing else left its signature, no other device bears the UUID, nobody holds the lock, the device belongs to no array, and for a head that is put back every keyslot area is as it was. So an erase stays an erase.",
			"With grow = yes it makes the mapping of a grown device longer, if a key is at hand: open --link-for-guard leaves one in the kernel's keyring orthrus-guard, which no process can read and which close, luksSuspend, erase and the end of the guard revoke. A device pulled out from under a mapping gets a table of errors, and the mapping goes away with its last user.",
			"guard status asks the running guard; guard history shows what happened to a volume; guard undo takes back the last repair of one, and has the guard leave it alone until it is in order again. guard export makes a header backup of what the guard keeps of a volume under store = full, in the new file named by --header-backup-file. With --once one device is looked at, as from a udev rule; --dry-run then only says what would be done. The exit status is 6 where something stays damaged, 7 where no header is left.",
			"SIGHUP makes the guard read its configuration again; one that is wrong changes nothing.",
		},
		uses: []string{"json", "dry-run", "header-backup-file"},
		examples: []example{
			{"Who is watched, and what was done:", "orthrus guard status"},
			{"What would be done about one device:", "orthrus guard --once /dev/sdb2 --dry-run"},
		},
	},
	cli.Boot: {
		about: []string{
			"Reads crypttab(5), in the dialects of Debian and systemd, and the kernel's command line: rd.luks.uuid, rd.luks.name, rd.luks.key, rd.luks.options, rd.luks.data and the same without rd., rd.luks.allow-discards, cryptdevice=, cryptkey= and crypto= of mkinitcpio, cryptopts= of Debian, cryptroot=, cryptdm=, cryptheader=, cryptkey and cryptdiscards of Alpine. Then it unlocks the volumes named there, or those of them that are given as arguments. Options that are unknown are named and stop nothing.",
			"Devices are waited for by the kernel's events, and named by UUID, LABEL, PARTUUID, PARTLABEL, a path, or a link of udev, which need not exist. Where two devices bear one name none is used; rd.orthrus.twins=first takes the first.",
			"All ways to a key race: the kernel's keyring, the key file (also on a device that shows up later, PATH:DEVICE in the crypttab; it is mounted read-only for as long as it is read), a key script, and people at the console, on plymouth, through the agents of systemd's ask-password protocol, and on the socket /run/orthrus/ask, on which orthrus boot --answer speaks, as over ssh. The first that fits ends the others. One passphrase is tried on all volumes. At the console Tab shows and hides the stars; Ctrl-U empties the line; the keyboard's layout and the capitals lock are shown where the kernel tells.",
			"A volume marked nofail is waited for as long as the others take, and its passphrase for half a minute more, unless timeout= says otherwise. x-orthrus.degraded, --degraded, rd.orthrus.degraded and rootflags=degraded let the boot go on without disks that stay away. x-orthrus.pin=HEX opens a volume only if its header has that digest of the volume key (luksDump shows it); x-orthrus.ciphers= and rd.orthrus.ciphers= say which ciphers are accepted instead of the usual ones.",
			"Keyslots that need more memory than there is are named with what they need, and the others are used. When a required volume stays closed, --on-failure or rd.orthrus.on-failure= decides: exit (the default), retry, reboot, halt. There is no shell.",
		},
		uses: []string{"tries", "dry-run", "json"},
		examples: []example{
			{"What would be unlocked:", "orthrus boot --dry-run"},
			{"One volume of the crypttab, on a running system:", "orthrus boot --main-system data"},
			{"Answer the prompt of a machine that is booting, over ssh:", "orthrus boot --answer"},
		},
	},
	cli.Check: {
		about: []string{"Looks at both header copies, every keyslot's material, the data area and what else the device seems to be, and changes nothing. Exit status 6 means that something is damaged or at risk and the volume still opens, 7 that what is left does not open it."},
		uses:  uses(ofHeader, []string{"json"}),
	},
	cli.Rescue: {
		about: []string{"Searches a device whose header is lost for what is left of it, and can write a header that open --header accepts. The device is only read."},
		uses:  []string{"json", "progress-frequency"},
	},
	cli.Far: {
		about: []string{
			"The far header is a third copy of the header and of all keyslots near the device's end, far from whatever overwrites its start. luksFormat makes one where there is room; a token in the header says where it is, and the data segment ends before it. Every change of the header is made there too.",
			"enable makes one on a volume that has none, where what lies inside the volume (ext2 to ext4, xfs, btrfs, swap, an LVM volume) says itself that it ends low enough; it is read through the open mapping, or decrypted with the passphrase. Doubt refuses. disable wipes it and gives the room back. sync brings it into step after another tool changed the header, and wipes forgotten copies. status reports on it: exit status 0 where all is well, 1 where there is none, 6 where something is to be done.",
			"When both copies at the device's start are lost, repair --from-far brings them back, and open --header-from-far opens without writing. With other tools: attach the body with a loop device at its offset and give that as --header, or cut it out with dd and restore it as a header backup.",
			"Security: the far header holds key material. The erase of other tools leaves it alive, and so does their luksFormat; run far disable, or erase of this program, first. Releases of cryptsetup before 2.7 map a volume over its far header: do not let a file system grow under them.",
		},
		uses: uses(ofPassphrase, ofTokens, ofVolumeKey, []string{"disable-locks", "dry-run", "json"}),
		examples: []example{
			{"Give an older volume a far header:", "orthrus far enable --shrink-data /dev/sdb2"},
			{"Bring back a header both of whose copies are gone:", "orthrus repair --from-far /dev/sdb2"},
		},
	},
	cli.Grow: {
		about: []string{
			"Lets a volume follow its device after that has grown, mapped or not: the far header moves to the device's new end, the data segment reaches up to it, and mappings become as long. It goes in steps that are noted in the header before they are carried out. Wherever it is cut off, the volume opens, and the next open, repair or grow concludes it or takes it back, without a passphrase. With -v each step is told.",
			"The room for the far header must be free: it reads as zeros, or what lies inside the volume is proven to end before it, through the open mapping or by the passphrase. A growth by less than the far header's length is left alone; --force-small follows it, and for a moment there is no far header. A passphrase is asked for where a mapping is to be made longer whose key only the kernel has.",
			"Without a far header only mappings are made longer: to the device's end, or to the size that the header gives the data. Let the file system follow afterwards (resize2fs, xfs_growfs, btrfs filesystem resize).",
		},
		uses: uses(ofPassphrase, ofTokens, ofVolumeKey, []string{"disable-locks", "dry-run", "force-small"}),
		examples: []example{
			{"Show the steps, then take them:", "orthrus grow --dry-run /dev/sdb2\northrus grow -v /dev/sdb2"},
			{"A mapped volume, by its name:", "orthrus grow vault && resize2fs /dev/mapper/vault"},
		},
	},
	cli.Shrink: {
		about: []string{
			"Makes room before a device is cut to --device-size bytes. What lies inside the volume must end low enough, by its own superblock, which is read through the open mapping or decrypted with the passphrase; doubt refuses. Mappings are made shorter first, then the far header moves to where the device is going to end. Then the device may be cut to that size and not below; the next open, repair or grow notes that it was.",
			"Until the device has that size nothing makes the volume grow back but --cancel.",
		},
		uses: uses(ofPassphrase, ofTokens, ofVolumeKey, []string{"device-size", "cancel", "disable-locks", "dry-run"}),
		examples: []example{
			{"Shrink a logical volume:", "resize2fs /dev/mapper/vault 8G\northrus shrink --device-size 10G vault\nlvreduce -L 10G /dev/vg/lv\northrus grow vault"},
		},
	},
	cli.Header: {
		about: []string{
			"header resize gives each copy of LUKS2 metadata --luks2-metadata-size bytes, one of nine sizes from 16 KiB to 4 MiB, for more keyslots and tokens. Keyslots that stand in the way move, without a passphrase; the data stay where they are, so that all must fit before them. --luks2-keyslots-size says how much room keyslots then have; without it their area ends where it ended.",
			"It goes in steps that are noted in the header, and is concluded or taken back by the next open, repair or header resize. At each instant other tools can open the volume, mapped or not.",
		},
		uses: uses([]string{"luks2-metadata-size", "luks2-keyslots-size", "disable-locks", "dry-run"}),
		examples: []example{
			{"Room for large tokens:", "orthrus header resize --luks2-metadata-size 1m /dev/sdb2"},
		},
	},
	cli.MkInitramfs: {
		about: []string{
			"Makes an initial file system (initramfs) that unlocks and mounts the root of this machine. In it are this program as the init, the kernel modules that the machine needs to reach its root and its keyboard, the lines of crypttab and fstab that concern the root, and nothing else: no shell, no other program. The same machine gives the same bytes.",
			"The root must lie on partitions and encrypted volumes alone. For LVM, arrays and whatever else there is, use the hooks for initramfs-tools, dracut and mkinitcpio.",
			"A key file is left out, and refused, unless --include-keys says that it may be in the image. One on another device is read from there at boot.",
		},
		uses: []string{"json", "dry-run"},
	},
}
