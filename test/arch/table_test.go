// SPDX-License-Identifier: Apache-2.0

package arch

// A rule says what a package may import of this module and of others. Paths of
// this module are relative to it; "luks/..." is luks and all below. Packages
// of the standard library are free, except to pure ones.
type rule struct {
	pkg   string
	may   []string // of this module
	above []string // of what it may: not those, which lie above it
	other []string // of other modules
	pure  bool     // bytes and values only: no files, no kernel, no network
}

const (
	xcrypto = "golang.org/x/crypto/..."
	xsys    = "golang.org/x/sys/..."
)

// rules is the import table. A package that is not in it fails the test: place
// it here first. Imports go down only: formats know no files; dm and udev know
// no LUKS; luks/activate and the façade above it know both; commands sit on top.
var rules = []rule{
	// The kernel.
	{pkg: "dm/extent", pure: true},
	{pkg: "dm/folder"},
	{pkg: "dm/given", pure: true},
	{pkg: "dm/secret", may: []string{"dm/extent"}, other: []string{xsys}},
	{pkg: "dm/uuid", pure: true},
	{pkg: "dm/target", may: []string{"dm/secret"}, pure: true},
	{pkg: "dm/block", may: []string{"dm/extent", "dm/folder", "dm/given", "dm/secret"}, other: []string{xsys}},
	{pkg: "dm/keyring", may: []string{"dm/secret"}, other: []string{xsys}},
	{pkg: "dm/sm3", pure: true},
	{pkg: "dm/verity/rs", other: []string{xsys}, pure: true},
	{pkg: "dm/kernelhash", may: []string{"dm/sm3"}, other: []string{xcrypto, "github.com/jzelinskie/whirlpool"}, pure: true},
	{pkg: "dm/parallel", may: []string{"dm/given"}, pure: true},
	{pkg: "dm/verity", may: []string{"dm/kernelhash", "dm/parallel", "dm/verity/rs"}, pure: true},
	{pkg: "dm/verity/content", pure: true},
	{pkg: "dm/integrity", may: []string{"dm/extent", "dm/kernelhash", "dm/parallel", "dm/secret"}, other: []string{xcrypto}, pure: true},
	{pkg: "dm", may: []string{"dm/block", "dm/extent", "dm/given", "dm/secret", "dm/target"}, other: []string{xsys}},
	{pkg: "udev", may: []string{"dm/folder", "dm/given", "dm/uuid"}, other: []string{xsys}},

	// Algorithms.
	{pkg: "luks/hashalg", may: []string{"dm/sm3"}, other: []string{xcrypto, "github.com/jzelinskie/whirlpool"}, pure: true},
	{pkg: "luks/af", may: []string{"dm/secret", "luks/hashalg"}, pure: true},
	{pkg: "luks/digest", may: []string{"dm/secret", "luks/hashalg", "luks/kdf/pbkdf2"}, pure: true},
	{pkg: "luks/kdf/argon2", may: []string{"dm/given", "dm/secret", "luks/hashalg"}, other: []string{xcrypto, xsys}},
	{pkg: "luks/kdf/pbkdf2", may: []string{"dm/given", "dm/secret", "luks/hashalg"}, other: []string{xsys}},
	{pkg: "luks/kdf", may: []string{"dm/secret", "luks/hashalg", "luks/kdf/..."}, other: []string{xsys}},
	{pkg: "luks/sector", may: []string{"dm/secret", "luks/hashalg"}, other: []string{xcrypto, xsys, "github.com/aead/serpent"}},

	// Formats.
	{pkg: "luks/signature", may: []string{"dm/extent", "dm/uuid"}, pure: true},
	{pkg: "luks/sealed", pure: true},
	{pkg: "luks/luks1", may: []string{"dm/extent", "luks/hashalg"}, pure: true},
	{pkg: "luks/authentic", may: []string{"dm/extent", "dm/integrity", "luks/sector"}, pure: true},
	{pkg: "luks/luks2", may: []string{"dm/extent", "dm/target", "luks/hashalg"}, pure: true},
	{pkg: "luks/header", may: []string{"luks/luks1", "luks/luks2", "luks/signature"}, pure: true},
	{pkg: "luks/far", may: []string{"dm/extent", "luks/header", "luks/luks2"}, pure: true},
	{pkg: "luks/layout", may: []string{"dm/extent", "luks/far", "luks/luks1", "luks/luks2"}, pure: true},
	{pkg: "luks/commit", may: []string{"dm/extent", "dm/given", "luks/far", "luks/header", "luks/keyslot", "luks/layout", "luks/luks1", "luks/luks2", "luks/signature"}, pure: true},
	{pkg: "luks/restore", may: []string{"dm/extent", "luks/commit", "luks/far", "luks/header", "luks/layout", "luks/luks1", "luks/luks2"}, pure: true},

	// Formats of others: each a room of its own.
	{pkg: "luks/foreign/bitlk", may: []string{"dm/secret", "dm/target", "dm/uuid", "luks/header", "luks/sector"}, pure: true},
	{pkg: "luks/foreign/fvault2", may: []string{"dm/secret", "dm/target", "luks/foreign/span", "luks/hashalg", "luks/header", "luks/kdf", "luks/sector"}, pure: true},
	{pkg: "luks/foreign/loopaes", may: []string{"dm/secret", "luks/foreign/span", "luks/hashalg", "luks/sector"}, pure: true},
	{pkg: "luks/foreign/span", may: []string{"luks/header", "luks/sector"}, pure: true},
	{pkg: "luks/foreign/tcrypt", may: []string{"dm/secret", "dm/target", "luks/foreign/span", "luks/hashalg", "luks/header", "luks/kdf", "luks/kdf/pbkdf2", "luks/sector"}, pure: true},

	// What a volume is, and its key.
	{pkg: "luks/fault", pure: true},
	{pkg: "luks/view", may: []string{"luks/commit", "luks/digest", "luks/fault", "luks/header", "luks/kdf", "luks/keyslot", "luks/luks1", "luks/luks2"}, pure: true},
	{pkg: "luks/unlock", may: []string{"dm/secret", "luks/commit", "luks/fault", "luks/kdf", "luks/keyslot", "luks/luks2", "luks/sector", "luks/view"}, pure: true},
	{pkg: "luks/plaintext", may: []string{"dm/extent", "dm/integrity", "luks/authentic", "luks/fault", "luks/header", "luks/sector", "luks/view"}, pure: true},

	// Operations.
	{pkg: "luks/keyslot", may: []string{"dm/extent", "dm/secret", "luks/af", "luks/kdf", "luks/sector"}, pure: true},
	{pkg: "luks/plain", may: []string{"dm/secret", "luks/hashalg", "luks/sector"}, pure: true},
	{pkg: "luks/reencrypt", may: []string{"dm/extent", "dm/secret", "luks/digest", "luks/fault", "luks/hashalg", "luks/header", "luks/kdf", "luks/luks2", "luks/sector"}, pure: true},
	{pkg: "luks/reencrypt/run", may: []string{"dm/extent", "luks/commit", "luks/digest", "luks/far", "luks/header", "luks/luks2", "luks/reencrypt"}, pure: true},
	{pkg: "luks/rescue", may: []string{"dm/extent", "dm/uuid", "luks/hashalg", "luks/header", "luks/keyslot", "luks/luks1", "luks/luks2"}, pure: true},
	{pkg: "luks/inspect", may: []string{"dm/extent", "luks/far", "luks/header", "luks/keyslot", "luks/luks1", "luks/luks2", "luks/reencrypt", "luks/rescue", "luks/sector", "luks/signature"}, pure: true},
	{pkg: "luks/repair", may: []string{"dm/extent", "luks/commit", "luks/far", "luks/header", "luks/luks1", "luks/luks2", "luks/sealed"}, pure: true},
	{pkg: "luks/relocate", may: []string{"dm/extent", "luks/commit", "luks/far", "luks/header", "luks/layout", "luks/luks2"}, pure: true},
	{
		pkg: "luks/keys", pure: true,
		may: []string{
			"luks/af", "luks/commit", "luks/digest", "luks/fault", "luks/header", "luks/kdf", "luks/keyslot", "luks/layout", "luks/luks1", "luks/luks2", "luks/relocate",
			"luks/unlock", "luks/view",
		},
	},
	{
		pkg: "luks/convert", pure: true,
		may: []string{"dm/extent", "luks/commit", "luks/fault", "luks/header", "luks/keys", "luks/keyslot", "luks/luks1", "luks/luks2", "luks/view"},
	},
	{
		pkg: "luks/format", pure: true,
		may: []string{
			"dm/extent", "dm/integrity", "dm/secret", "dm/uuid", "luks/authentic", "luks/commit", "luks/digest", "luks/fault", "luks/far", "luks/kdf", "luks/keys", "luks/keyslot", "luks/luks1", "luks/luks2", "luks/relocate",
			"luks/sector", "luks/view",
		},
	},
	{pkg: "luks/activate", may: []string{"dm", "dm/...", "luks/header", "luks/luks1", "luks/luks2", "luks/sector", "luks/signature"}, other: []string{xsys}},
	{pkg: "luks/token/modular", pure: true},
	{pkg: "luks/token/curve", may: []string{"luks/token/modular"}, pure: true},
	{pkg: "luks/token/ready", other: []string{xsys}},
	{
		pkg: "luks/token/tpm", other: []string{xsys},
		may: []string{"dm/secret", "luks/token/curve", "luks/token/modular", "luks/token/ready"},
	},
	{pkg: "luks/token/tang", may: []string{"dm/secret", "luks/token/curve", "luks/token/ready"}, other: []string{xsys}},
	{pkg: "luks/token/recoverykey", may: []string{"dm/secret"}},
	{pkg: "luks/token", may: []string{"dm/keyring", "dm/secret", "luks/kdf", "luks/luks2", "luks/token/..."}},
	{pkg: "luks", may: []string{"dm", "dm/block", "dm/extent", "dm/given", "dm/integrity", "dm/secret", "dm/target", "dm/uuid", "luks/..."}, above: []string{"luks/open"}},
	{pkg: "luks/open", may: []string{"dm/extent", "dm", "dm/block", "dm/integrity", "dm/secret", "dm/target", "luks", "luks/..."}},

	// Commands.
	{pkg: "cmd/internal/printable", pure: true}, // what came from a disk, fit for a terminal
	{pkg: "cmd/internal/unixsocket", other: []string{xsys}},
	{pkg: "cmd/internal/ui", may: []string{"cmd/internal/printable", "dm/secret"}, other: []string{xsys, "golang.org/x/term"}},
	{pkg: "cmd/internal/text", may: []string{"cmd/internal/printable", "dm/secret", "dm/uuid", "luks/foreign/...", "luks/luks1", "luks/luks2", "luks/token"}, pure: true}, // what programs parse
	{pkg: "cmd/internal/cli", may: []string{"cmd/internal/ui", "dm/target"}, other: []string{"github.com/spf13/pflag"}},
	{pkg: "cmd/internal/undo", may: []string{"dm/block", "dm/folder", "luks", "luks/repair"}, other: []string{xsys}},
	{pkg: "cmd/internal/manual/...", may: []string{"cmd/internal/cli", "cmd/internal/guard/policy", "cmd/internal/manual", "cmd/internal/verb/all", "cmd/internal/integrity", "cmd/internal/popt", "cmd/internal/verity"}},
	{pkg: "cmd/internal/popt", pure: true}, // command lines of the tools beside cryptsetup
	{pkg: "cmd/internal/setup", may: []string{"cmd/internal/cli", "cmd/internal/popt", "cmd/internal/ui", "dm"}},
	{
		pkg: "cmd/internal/integrity", other: []string{xsys},
		may: []string{"cmd/internal/cli", "cmd/internal/popt", "cmd/internal/setup", "cmd/internal/ui", "dm", "dm/block", "dm/integrity", "dm/target", "luks/signature"},
	},
	{pkg: "cmd/internal/verity", may: []string{"cmd/internal/popt", "cmd/internal/setup", "dm", "dm/block", "dm/extent", "dm/keyring", "dm/target", "dm/verity", "dm/verity/content", "cmd/internal/boot/fstab", "cmd/internal/printable", "cmd/internal/ui"}, other: []string{xsys}},
	{pkg: "cmd/cpio", pure: true}, // not internal: the test machine packs its guest with it
	{pkg: "cmd/internal/boot/fstab", pure: true},
	{pkg: "cmd/internal/boot/crypttab", may: []string{"cmd/internal/boot/fstab", "dm/target"}, pure: true},
	{pkg: "cmd/internal/boot/veritytab", may: []string{"cmd/internal/boot/fstab"}, pure: true},
	{pkg: "cmd/internal/boot/cmdline", may: []string{"cmd/internal/boot/crypttab"}, pure: true},
	{pkg: "cmd/internal/boot/plan", may: []string{"cmd/internal/boot/cmdline", "cmd/internal/boot/crypttab", "cmd/internal/boot/veritytab", "dm/target", "luks/sector"}, pure: true},
	{pkg: "cmd/internal/boot/units", may: []string{"cmd/internal/boot/crypttab", "cmd/internal/boot/plan"}},
	{pkg: "cmd/internal/guard/policy", may: []string{"dm/uuid"}, pure: true},
	{pkg: "cmd/internal/guard/queue", pure: true},
	{pkg: "cmd/internal/guard/identity", may: []string{"luks/header", "luks/luks1", "luks/luks2", "luks/view"}, pure: true},
	{pkg: "cmd/internal/guard/store", may: []string{"dm/folder", "luks", "luks/...", "cmd/internal/undo", "cmd/internal/guard/identity"}, other: []string{xsys}},
	{pkg: "cmd/internal/guard/verdict", may: []string{"luks/...", "cmd/internal/guard/policy", "cmd/internal/guard/identity"}, pure: true},
	{pkg: "cmd/internal/guard", may: []string{"dm/...", "luks/...", "udev", "cmd/internal/guard/...", "cmd/internal/undo", "cmd/internal/unixsocket"}, other: []string{xsys}},
	{pkg: "cmd/internal/boot/partition", may: []string{"dm/extent"}, pure: true},
	{pkg: "cmd/internal/boot/tools"},
	{pkg: "cmd/internal/boot/assembly", may: []string{"cmd/internal/boot/device", "cmd/internal/boot/tools", "udev"}},
	{pkg: "cmd/internal/boot/device", may: []string{"cmd/internal/boot/partition", "cmd/internal/boot/plan", "cmd/internal/boot/tools", "dm/block", "dm/folder", "dm/verity", "luks/signature", "udev"}, other: []string{xsys}},
	{pkg: "cmd/internal/boot/ask", may: []string{"dm/secret", "cmd/internal/ui", "cmd/internal/unixsocket"}, other: []string{xsys}},
	{pkg: "cmd/internal/boot", may: []string{"dm/...", "luks", "luks/...", "udev", "cmd/internal/ui", "cmd/internal/boot/..."}, other: []string{xsys}},
	{pkg: "cmd/internal/kmod", may: []string{"cmd/internal/ui"}, other: []string{xsys}},
	{pkg: "cmd/internal/initramfs", may: []string{"cmd/cpio", "cmd/internal/boot/crypttab", "cmd/internal/boot/fstab", "cmd/internal/boot/tools", "cmd/internal/boot/veritytab", "cmd/internal/kmod", "cmd/internal/ui", "dm/block", "dm/folder", "dm/uuid", "luks/foreign/tcrypt", "luks/sector"}, other: []string{xsys}},
	{pkg: "cmd/internal/startup", may: []string{"cmd/internal/boot/cmdline", "cmd/internal/boot/fstab", "cmd/internal/boot/plan", "cmd/internal/kmod", "cmd/internal/ui", "dm/block", "dm/folder", "luks/signature"}, other: []string{xsys}},
	// Verbs: what they need in common, from the bottom up, and the rooms of verbs, which do not know each other.
	{pkg: "cmd/internal/verb", may: []string{"dm/...", "luks/...", "cmd/internal/cli", "cmd/internal/ui", "cmd/internal/boot", "cmd/internal/boot/...", "cmd/internal/initramfs", "cmd/internal/kmod"}, other: []string{xsys}},
	{pkg: "cmd/internal/verb/volume", may: []string{"dm/...", "luks/...", "cmd/internal/verb", "cmd/internal/ui", "cmd/internal/cli", "cmd/internal/undo"}, other: []string{xsys}},
	{pkg: "cmd/internal/verb/keys", may: []string{"dm/...", "luks/...", "cmd/internal/text", "cmd/internal/verb", "cmd/internal/verb/volume", "cmd/internal/ui", "cmd/internal/cli"}, other: []string{xsys}},
	{pkg: "cmd/internal/verb/foreign", may: []string{"dm/...", "luks/...", "cmd/internal/text", "cmd/internal/verb", "cmd/internal/verb/volume", "cmd/internal/verb/keys", "cmd/internal/ui", "cmd/internal/cli"}, other: []string{xsys}},
	{pkg: "cmd/internal/verb/mapped", may: []string{"dm/...", "luks/...", "cmd/internal/verb", "cmd/internal/verb/volume", "cmd/internal/verb/keys", "cmd/internal/ui", "cmd/internal/cli"}, other: []string{xsys}},
	{pkg: "cmd/internal/verb/guarded", may: []string{"dm/...", "luks/...", "cmd/internal/verb", "cmd/internal/verb/volume", "cmd/internal/ui", "cmd/internal/cli", "cmd/internal/undo", "cmd/internal/guard", "cmd/internal/guard/..."}, other: []string{xsys}},
	{pkg: "cmd/internal/verb/all", may: []string{"cmd/internal/cli", "cmd/internal/integrity", "cmd/internal/popt", "cmd/internal/verity", "cmd/internal/ui", "cmd/internal/verb/...", "dm/secret", "luks/kdf"}},
	{
		pkg: "cmd/internal/verb/...", other: []string{xsys},
		may: []string{
			"dm/...", "luks/...", "udev", "cmd/internal/cli", "cmd/internal/ui", "cmd/internal/printable", "cmd/internal/text", "cmd/internal/undo", "cmd/internal/boot",
			"cmd/internal/boot/...", "cmd/internal/guard", "cmd/internal/guard/...", "cmd/internal/initramfs", "cmd/internal/kmod", "cmd/internal/startup", "cmd/internal/verity",
			"cmd/internal/verb", "cmd/internal/verb/volume", "cmd/internal/verb/keys", "cmd/internal/verb/foreign", "cmd/internal/verb/mapped",
			"cmd/internal/verb/guarded",
		},
	},
	{pkg: "cmd/orthrus", may: []string{"cmd/internal/verb/all"}},
	{pkg: "scripts/release"}, // makes releases; no part of the program

	// Test support: may use everything, is used by tests only.
	{pkg: "test/...", may: []string{"dm/...", "luks/...", "udev", "cmd/...", "test/..."}, other: []string{xcrypto, xsys, "pgregory.net/rapid", "github.com/aead/serpent"}},
}

// impure are the standard packages that a pure one may not import.
var impure = []string{"io/ioutil", "log/...", "net/...", "os/...", "path/filepath", "syscall/...", "golang.org/x/sys/unix"}

// unsafeFiles are where unsafe is allowed: each holds one interface whose ABI
// or memory needs it.
var unsafeFiles = []string{
	"dm/abi.go",                         // struct dm_ioctl and its payloads
	"dm/semaphore.go",                   // SysV semaphores of udev's cookies
	"dm/block/ioctl.go",                 // block and loop device ioctls
	"cmd/internal/ui/die.go",            // the default action of a signal
	"cmd/internal/boot/ask/keyboard.go", // key map and lock flags of virtual consoles
	"luks/kdf/argon2/arena.go",          // memory mapped for Argon2
	"luks/sector/kernel_socket.go",      // AF_ALG messages
}

// dataWriters are the files of luks and cmd that write to a device beside the one door, luks/commit: none of
// them writes metadata.
var dataWriters = []string{
	"cmd/internal/boot/contents.go",      // the header of swap space that is made anew at each boot
	"cmd/internal/startup/switchroot.go", // zeros over the initial file system's own memory
	"cmd/internal/verity/format.go",      // a verity tree
	"cmd/internal/verity/repairfile.go",  // the repaired copy of an image
	"luks/plaintext/plaintext.go",        // the data
	"luks/reencrypt/run/data.go",         // the data of a zone that is being rewritten
}

// folders are the top-level ones.
var folders = []string{"cmd", "dm", "luks", "scripts", "test", "udev"}
