// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"
)

// A contest is a row: two commands that run in turn on one image.
type contest struct {
	name string
	make []command // what makes the image
	ours command
	them command
	aim  float64 // for the ratio of wall times; 0: none
	kdf  int     // memory that the key derivation itself takes, MiB; 0: little
	// atHand: before each run twice that memory is made easy to get.
	atHand bool
}

// A command is a process. In its arguments and its input, IMAGE stands for the image's path.
type command struct {
	program  string // "orthrus", "cryptsetup", or a path
	args     []string
	input    string
	exit     int
	env      []string
	ordinary bool // on ordinary pages, whatever the system would give
}

const passphrase = "correct horse"

func orthrus(args ...string) command {
	return command{program: "orthrus", args: append(slices.Clone(args), "IMAGE")}
}

func cryptsetup(args ...string) command {
	return command{program: "cryptsetup", args: append(slices.Clone(args), "IMAGE")}
}

// given is the command with something on standard input.
func (c command) given(input string) command {
	c.input = input
	return c
}

func (c command) exits(code int) command {
	c.exit = code
	return c
}

// plain is the command on a processor with nothing newer than SSE4 and on a system without huge pages.
func (c command) plain() command {
	c.env = append(slices.Clone(c.env), "GODEBUG=cpu.avx512f=off,cpu.avx2=off")
	c.ordinary = true
	return c
}

func argon2Costs(kib, passes, lanes int) []string {
	return strings.Fields(fmt.Sprintf(
		"--pbkdf argon2id --pbkdf-memory %d --pbkdf-force-iterations %d --pbkdf-parallel %d", kib, passes, lanes))
}

func pbkdf2Costs(hash string, iterations int) []string {
	return strings.Fields(fmt.Sprintf("--pbkdf pbkdf2 --hash %s --pbkdf-force-iterations %d", hash, iterations))
}

func format(costs []string) command {
	return cryptsetup(append([]string{"luksFormat", "-q"}, costs...)...).given(passphrase)
}

func addKey(costs []string, number int) command {
	return cryptsetup(append([]string{"luksAddKey", "-q"}, costs...)...).given(fmt.Sprintf("%s\nkeyslot %d", passphrase,
		number))
}

// unlock is a passphrase tried by both.
func unlock(name string, costs []string, aim float64, kdfMiB int) contest {
	try := []string{"open", "--test-passphrase"}
	return contest{
		name: "unlock, " + name, make: []command{format(costs)}, aim: aim, kdf: kdfMiB,
		ours: orthrus(try...).given(passphrase), them: cryptsetup(try...).given(passphrase),
	}
}

// withMemory is the contest where memory, and huge pages of it, are there for whoever asks.
func (c contest) withMemory(aim float64) contest {
	c.name += ", memory at hand"
	c.atHand, c.aim = true, aim
	return c
}

// onPlain is the contest where neither vector registers nor huge pages help.
func (c contest) onPlain(aim float64) contest {
	c.name += ", SSE4 and ordinary pages"
	c.ours, c.them, c.aim = c.ours.plain(), c.them.plain(), aim
	return c
}

// eightSlots is a passphrase that fits none of eight keyslots.
func eightSlots() contest {
	costs := argon2Costs(64<<10, 4, 4)
	c := unlock("wrong passphrase, 8 keyslots of 64 MiB", costs, 0.5, 0)
	for i := range 7 {
		c.make = append(c.make, addKey(costs, i))
	}
	c.ours, c.them = c.ours.given("wrong").exits(2), c.them.given("wrong").exits(2)
	return c
}

func contests() []contest {
	cheap := pbkdf2Costs("sha256", 1000)
	var list []contest
	for _, lanes := range []int{1, 2, 4} {
		name := fmt.Sprintf("argon2id 1 GiB t=4 p=%d", lanes)
		c := unlock(name, argon2Costs(1<<20, 4, lanes), 1, 1024)
		list = append(list, c.withMemory(0.55), c)
		if lanes != 2 {
			list = append(list, c.onPlain(1))
		}
	}
	list = append(
		list,
		unlock("argon2id 64 MiB t=4 p=4", argon2Costs(64<<10, 4, 4), 0.6, 64),
		eightSlots(),
		unlock("pbkdf2 sha256, 2,000,000", pbkdf2Costs("sha256", 2_000_000), 0.9, 0),
		unlock("pbkdf2 sha512, 2,000,000", pbkdf2Costs("sha512", 2_000_000), 1, 0),
		unlock("pbkdf2 sha256, 1000", cheap, 0.6, 0),
	)
	for _, verb := range []string{"isLuks", "luksUUID", "luksDump"} {
		list = append(list, contest{
			name: verb, make: []command{format(cheap)}, ours: orthrus(verb),
			them: cryptsetup(verb), aim: 0.8,
		})
	}
	return list
}
