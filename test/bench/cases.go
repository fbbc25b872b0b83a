// SPDX-License-Identifier: Apache-2.0

package main

import "fmt"

// A benchCase is one row: how the peer makes the volume, what both then do with it.
type benchCase struct {
	name   string
	format []string   // options of luksFormat
	add    [][]string // options of luksAddKey for each further keyslot
	args   []string   // what is measured; the image's path is appended
	key    string     // passphrase on standard input, empty for none
	exit   int
}

const passphrase = "correct horse"

func argon2(kib, passes, lanes int) []string {
	return []string{
		"--pbkdf", "argon2id", "--pbkdf-memory", fmt.Sprint(kib),
		"--pbkdf-force-iterations", fmt.Sprint(passes), "--pbkdf-parallel", fmt.Sprint(lanes),
	}
}

func pbkdf2(hash string, iterations int) []string {
	return []string{"--pbkdf", "pbkdf2", "--hash", hash, "--pbkdf-force-iterations", fmt.Sprint(iterations)}
}

func unlock(name string, format []string) benchCase {
	return benchCase{name: "unlock " + name, format: format, args: []string{"open", "--test-passphrase"}, key: passphrase}
}

func cases() []benchCase {
	cheap := pbkdf2("sha256", 1000)
	var eight [][]string
	for range 7 {
		eight = append(eight, argon2(64<<10, 4, 4))
	}
	list := []benchCase{
		unlock("argon2id 1 GiB t=4 p=1", argon2(1<<20, 4, 1)),
		unlock("argon2id 1 GiB t=4 p=2", argon2(1<<20, 4, 2)),
		unlock("argon2id 1 GiB t=4 p=4", argon2(1<<20, 4, 4)),
		unlock("argon2id 64 MiB t=4 p=4", argon2(64<<10, 4, 4)),
		unlock("pbkdf2 sha256 2,000,000", pbkdf2("sha256", 2000000)),
		unlock("pbkdf2 sha512 2,000,000", pbkdf2("sha512", 2000000)),
		unlock("pbkdf2 sha256 1000", cheap),
		{
			name: "wrong passphrase, 8 keyslots of 64 MiB", format: argon2(64<<10, 4, 4), add: eight,
			args: []string{"open", "--test-passphrase"}, key: "wrong", exit: 2,
		},
	}
	for _, verb := range []string{"isLuks", "luksUUID", "luksDump"} {
		list = append(list, benchCase{name: verb, format: cheap, args: []string{verb}})
	}
	return list
}
