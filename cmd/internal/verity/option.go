// SPDX-License-Identifier: Apache-2.0

package verity

import "github.com/orthrus-luks/orthrus/cmd/internal/popt"

// options are what a command line sets.
type options struct {
	_ [0]func() // it is never compared, and no code is made for that

	cancelDeferred, deferred                                 bool
	checkAtMostOnce, ignoreZeroBlocks, useTasklets           bool
	ignoreCorruption, restartOnCorruption, panicOnCorruption bool
	errorAsCorruption, shared                                bool
	noSuperblock                                             bool

	dataBlockSize, hashBlockSize, dataBlocks, format uint64
	hashOffset, fecOffset, fecRoots                  uint64
	fecDevice, hash, salt, uuid                      string
	rootHashFile, rootHashSignature                  string

	verbose, debug, help, usage, version bool

	json, where, checkFEC         bool
	partitionUUIDs                bool
	repair, repairHash            string
	batchFile, resume             string
	oldData, oldHash, oldRootHash string
}

// The actions.
const (
	actionFormat = "format"
	actionVerify = "verify"
	actionOpen   = "open"
	actionClose  = "close"
	actionStatus = "status"
	actionDump   = "dump"
)

var (
	onlyOpen  = []string{actionOpen}
	onlyClose = []string{actionClose}
	onlyCheck = []string{actionVerify}
	onlyMake  = []string{actionFormat}
	ofImages  = []string{actionFormat, actionVerify}
)

// table lists the options in the order of help.
func table(o *options) []popt.Option {
	return []popt.Option{
		{Long: "help", Short: '?', Help: "Show this help message", Into: &o.help},
		{Long: "usage", Help: "Display brief usage", Into: &o.usage},
		{Long: "version", Short: 'V', Help: "Print package version", Into: &o.version},
		{
			Long: "cancel-deferred", Help: "Take back a removal that waits for the last user", Only: onlyClose,
			Into: &o.cancelDeferred,
		},
		{
			Long: "check-at-most-once", Help: "Verify a data block the first time it is read only",
			Into: &o.checkAtMostOnce,
		},
		{
			Long: "data-block-size", Arg: "bytes", Help: "Block size of the data device",
			Into: &o.dataBlockSize,
		},
		{
			Long: "data-blocks", Arg: "blocks", Help: "Number of data blocks (the whole device)",
			Into: &o.dataBlocks,
		},
		{Long: "debug", Help: "Show debug messages", Into: &o.debug},
		{
			Long: "deferred", Help: "Remove the mapping once nothing uses it", Only: onlyClose,
			Into: &o.deferred,
		},
		{
			Long: "error-as-corruption", Help: "Handle a read error as corruption is handled", Only: onlyOpen,
			Into: &o.errorAsCorruption,
		},
		{
			Long: "fec-device", Arg: "path", Help: "Device or file with error correction data",
			Into: &o.fecDevice,
		},
		{
			Long: "fec-offset", Arg: "bytes", Help: "Where error correction data start on that device",
			Into: &o.fecOffset,
		},
		{
			Long: "fec-roots", Arg: "bytes", Help: "Parity bytes in a codeword, 2 to 24",
			Into: &o.fecRoots,
		},
		{
			Long: "format", Arg: "number", Help: "Format type (1 - normal, 0 - original Chrome OS)",
			Into: &o.format,
		},
		{
			Long: "hash", Short: 'h', Arg: "string", Help: "Hash algorithm",
			Into: &o.hash,
		},
		{
			Long: "hash-block-size", Arg: "bytes", Help: "Block size of the hash device",
			Into: &o.hashBlockSize,
		},
		{
			Long: "hash-offset", Arg: "bytes", Help: "Where superblock or tree start on the hash device",
			Into: &o.hashOffset,
		},
		{
			Long: "ignore-corruption", Help: "Ignore corruption, log it only", Only: onlyOpen,
			Into: &o.ignoreCorruption,
		},
		{
			Long: "ignore-zero-blocks", Help: "Do not verify blocks of zeros", Only: onlyOpen,
			Into: &o.ignoreZeroBlocks,
		},
		{Long: "no-superblock", Help: "There is no superblock", Into: &o.noSuperblock},
		{
			Long: "panic-on-corruption", Help: "Panic where corruption is found", Only: onlyOpen,
			Into: &o.panicOnCorruption,
		},
		{
			Long: "restart-on-corruption", Help: "Restart where corruption is found", Only: onlyOpen,
			Into: &o.restartOnCorruption,
		},
		{
			Long: "root-hash-file", Arg: "STRING", Help: "File with the root hash",
			Only: []string{
				actionFormat, actionOpen,
				actionVerify,
			}, Into: &o.rootHashFile,
		},
		{
			Long: "root-hash-signature", Arg: "STRING", Help: "File with a signature of the root hash", Only: onlyOpen,
			Into: &o.rootHashSignature,
		},
		{
			Long: "salt", Short: 's', Arg: "hex string", Help: "Salt, or - for none",
			Into: &o.salt,
		},
		{
			Long: "shared", Help: "Let other mappings use the data device too", Only: onlyOpen,
			Into: &o.shared,
		},
		{
			Long: "use-tasklets", Help: "Verify in the kernel's tasklets", Only: onlyOpen,
			Into: &o.useTasklets,
		},
		{Long: "uuid", Arg: "STRING", Help: "UUID of the image", Into: &o.uuid},
		{
			Long: "verbose", Short: 'v', Help: "Shows more detailed error messages",
			Into: &o.verbose,
		},
		{
			Long: "batch", Own: true, Arg: "FILE",
			Help: "Do it for each image of a list; a line has data and hash device, root hash file, FEC device",
			Only: ofImages, Into: &o.batchFile,
		},
		{
			Long: "check-fec", Own: true, Help: "Compare good data with the error correction data as well",
			Only: onlyCheck,
			Into: &o.checkFEC,
		},
		{Long: "json", Own: true, Help: "Report as JSON", Into: &o.json},
		{
			Long: "old-data", Own: true, Arg: "path", Only: onlyMake,
			Help: "Data of a former version: blocks that have not changed are not hashed again",
			Into: &o.oldData,
		},
		{
			Long: "old-hash", Own: true, Arg: "path", Only: onlyMake,
			Help: "Hash device of the former version, with its superblock at the same --hash-offset",
			Into: &o.oldHash,
		},
		{
			Long: "old-root-hash", Own: true, Arg: "hex string", Only: onlyMake,
			Help: "Root hash of the former version, which its tree has to give",
			Into: &o.oldRootHash,
		},
		{
			Long: "partition-uuids", Own: true, Only: ofImages,
			Help: "Print the UUIDs of partitions by which the image is found from its root hash",
			Into: &o.partitionUUIDs,
		},
		{
			Long: "repair", Own: true, Arg: "FILE", Help: "Write the repaired data to a new file", Only: onlyCheck,
			Into: &o.repair,
		},
		{
			Long: "repair-hash", Own: true, Arg: "FILE", Help: "Write the repaired hash device to a new file",
			Only: onlyCheck,
			Into: &o.repairHash,
		},
		{
			Long: "resume", Own: true, Arg: "FILE", Only: onlyMake,
			Help: "Keep in this file how far the work is, and go on from there where it exists",
			Into: &o.resume,
		},
		{
			Long: "where", Own: true, Only: onlyCheck,
			Help: "Name every bad block, and the files of an ext4, erofs or squashfs that lie on them",
			Into: &o.where,
		},
	}
}
