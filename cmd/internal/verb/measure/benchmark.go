// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/keys"
	"github.com/orthrus-luks/orthrus/luks/hashalg"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/sector"
)

// What is measured where no option narrows it.
var (
	benchmarkHashes  = []string{"sha1", "sha256", "sha512", "ripemd160", "whirlpool"}
	benchmarkCiphers = []cipherRun{
		{"aes-cbc", 16},
		{"serpent-cbc", 16},
		{"twofish-cbc", 16},
		{"aes-cbc", 32},
		{"serpent-cbc", 32},
		{"twofish-cbc", 32},
		{"aes-xts", 32},
		{"serpent-xts", 32},
		{"twofish-xts", 32},
		{"aes-xts", 64},
		{"serpent-xts", 64},
		{"twofish-xts", 64},
	}
)

// cipherTime is how long each direction of a cipher is measured.
const cipherTime = 150 * time.Millisecond

// cipherRun is one line of the cipher table; the key in bytes.
type cipherRun struct {
	spec string
	key  int
}

// benchmarkReport is the report of benchmark --json.
type benchmarkReport struct {
	PBKDF2  []hashRate   `json:"pbkdf2,omitempty"`
	Argon2  []argonCost  `json:"argon2,omitempty"`
	Ciphers []cipherRate `json:"ciphers,omitempty"`
}

type hashRate struct {
	Hash       string `json:"hash"`
	Iterations uint64 `json:"iterations_per_second"`
}

type argonCost struct {
	Type     string `json:"type"`
	Time     uint32 `json:"time"`
	Memory   uint32 `json:"memory_kib"`
	CPUs     uint32 `json:"cpus"`
	TargetMS int64  `json:"target_ms"`
}

type cipherRate struct {
	Cipher  string  `json:"cipher"`
	KeyBits int     `json:"key_bits"`
	Encrypt float64 `json:"encrypt_mib_per_second"`
	Decrypt float64 `json:"decrypt_mib_per_second"`
}

// Benchmark declares the verb.
func Benchmark() verb.Verb {
	return verb.Verb{
		Verb: cli.Verb{
			Name: "benchmark", Group: cli.GroupMeasure, Args: "[--cipher <cipher>]",
			Summary: "measure ciphers and key derivation on this machine",
			Takes:   cli.OfCosts + "cipher iter-time key-size pbkdf json",
			About: []string{
				"Measures key derivation and ciphers in memory. The ciphers are this program's own, on one core; " +
					"those of the kernel, which serve a mapping, differ.",
			},
			Report: cli.Report{
				Of: benchmarkReport{},
				Fields: []cli.Field{
					{Path: "pbkdf2", Type: "list of object", About: "may be absent"},
					{Path: "pbkdf2[].hash", Type: "string", About: "name of the hash"},
					{Path: "pbkdf2[].iterations_per_second", Type: "integer", About: "for a key of 256 bits"},
					{Path: "argon2", Type: "list of object", About: "may be absent"},
					{Path: "argon2[].type", Type: "string", About: "argon2i or argon2id"},
					{Path: "argon2[].time", Type: "integer", About: "passes that take the target time"},
					{Path: "argon2[].memory_kib", Type: "integer", About: "memory of these passes, KiB"},
					{Path: "argon2[].cpus", Type: "integer", About: "lanes"},
					{Path: "argon2[].target_ms", Type: "integer", About: "the time asked for, milliseconds"},
					{Path: "ciphers", Type: "list of object", About: "may be absent"},
					{Path: "ciphers[].cipher", Type: "string", About: "such as aes-xts"},
					{Path: "ciphers[].key_bits", Type: "integer", About: "length of the key"},
					{
						Path: "ciphers[].encrypt_mib_per_second", Type: "number",
						About: "one core, this program's own code",
					},
					{
						Path: "ciphers[].decrypt_mib_per_second", Type: "number",
						About: "one core, this program's own code",
					},
				},
			},
			Examples: []cli.Example{
				{What: "Everything:", Line: "orthrus benchmark"},
				{What: "One cipher:", Line: "orthrus benchmark --cipher serpent-xts --key-size 512"},
			},
			SeeAlso: []string{"luksFormat"},
		},
		Run: benchmark,
	}
}

// benchmark measures key derivation and ciphers in memory.
func benchmark(ctx context.Context, c *verb.Command) error {
	var r benchmarkReport
	if !c.Opt.JSON {
		c.UI.Printf("# Tests are approximate using memory only (no storage IO).")
	}
	for _, part := range benchmarkParts(c) {
		if err := part(ctx, c, &r); err != nil {
			return err
		}
	}
	if c.Opt.JSON {
		return c.PrintJSON(r)
	}
	return nil
}

type benchmarkPart func(ctx context.Context, c *verb.Command, r *benchmarkReport) error

// benchmarkParts: an option for one part leaves the others out.
func benchmarkParts(c *verb.Command) []benchmarkPart {
	switch {
	case c.Opt.Cipher.Set:
		return []benchmarkPart{benchmarkSectors}
	case c.Opt.PBKDF.Set && c.Opt.PBKDF.V != kdf.PBKDF2:
		return []benchmarkPart{benchmarkArgon2}
	case c.Opt.PBKDF.Set || c.Opt.Hash.Set:
		return []benchmarkPart{benchmarkPBKDF2}
	}
	return []benchmarkPart{benchmarkPBKDF2, benchmarkArgon2, benchmarkSectors}
}

func benchmarkPBKDF2(ctx context.Context, c *verb.Command, r *benchmarkReport) error {
	hashes := benchmarkHashes
	if c.Opt.Hash.Set {
		hashes = []string{c.Opt.Hash.V}
	}
	for _, hash := range hashes {
		rate, err := kdf.MeasurePBKDF2(ctx, hash)
		if errors.Is(err, hashalg.ErrUnknown) && !c.Opt.JSON {
			c.UI.Printf("PBKDF2-%-9s       N/A", hash)
			return verb.Silent(ui.Failed)
		}
		if err != nil {
			return err
		}
		r.PBKDF2 = append(r.PBKDF2, hashRate{hash, uint64(rate)})
		if !c.Opt.JSON {
			c.UI.Printf("PBKDF2-%-9s %9d iterations per second for 256-bit key", hash, uint64(rate))
		}
	}
	return nil
}

func benchmarkArgon2(ctx context.Context, c *verb.Command, r *benchmarkReport) error {
	kinds := []string{kdf.Argon2i, kdf.Argon2id}
	if c.Opt.PBKDF.Set {
		kinds = []string{c.Opt.PBKDF.V}
	}
	for _, kind := range kinds {
		p, err := kdf.Calibrate(ctx, kdf.Request{
			Type: kind, Target: keys.IterTime(c), KeySize: 32,
			MaxMemory: c.Opt.PBKDFMemory.Or(keys.DefaultMemory), MaxCPUs: c.Opt.PBKDFParallel.Or(keys.DefaultCPUs),
		})
		if err != nil {
			return err
		}
		r.Argon2 = append(r.Argon2, argonCost{kind, p.Time, p.Memory, p.CPUs, keys.IterTime(c).Milliseconds()})
		if !c.Opt.JSON {
			c.UI.Printf("%-9s %6d iterations, %7d memory, %d parallel threads (CPUs) for 256-bit key (requested %d "+
				"ms time)",
				kind, p.Time, p.Memory, p.CPUs, keys.IterTime(c).Milliseconds())
		}
	}
	return nil
}

// benchmarkSectors measures this program's own ciphers, in 4096-byte sectors on one core. The
// kernel's, which serve a mapping, may be faster or slower.
func benchmarkSectors(ctx context.Context, c *verb.Command, r *benchmarkReport) error {
	runs := benchmarkCiphers
	if c.Opt.Cipher.Set {
		runs = []cipherRun{{c.Opt.Cipher.V, benchmarkKey(c)}}
	}
	if !c.Opt.JSON {
		c.UI.Printf("# Ciphers as this program computes them, one core.")
		c.UI.Printf("#     Algorithm |       Key |      Encryption |      Decryption")
	}
	for _, run := range runs {
		rate, err := measureCipher(ctx, run)
		if err != nil {
			return verb.Failure(ui.Failed, "Cipher %s (with %d bits key) is not available.", run.spec, run.key*8)
		}
		r.Ciphers = append(r.Ciphers, rate)
		if !c.Opt.JSON {
			c.UI.Printf("%15s      %5db   %9.1f MiB/s   %9.1f MiB/s", run.spec, run.key*8, rate.Encrypt, rate.Decrypt)
		}
	}
	return nil
}

func benchmarkKey(c *verb.Command) int {
	if len(c.Opt.KeySizes) > 0 {
		return int(c.Opt.KeySizes[0] / 8)
	}
	return 32
}

func measureCipher(ctx context.Context, run cipherRun) (cipherRate, error) {
	spec := run.spec
	if strings.Count(spec, "-") == 1 {
		spec += "-plain64"
	}
	s, err := sector.New(spec, make([]byte, run.key), 4096)
	if err != nil {
		return cipherRate{}, err
	}
	defer s.Close()
	rate := cipherRate{Cipher: run.spec, KeyBits: run.key * 8}
	if rate.Encrypt, err = mibPerSecond(ctx, s.Encrypt); err != nil {
		return rate, err
	}
	rate.Decrypt, err = mibPerSecond(ctx, s.Decrypt)
	return rate, err
}

func mibPerSecond(ctx context.Context, crypt func(dst, src []byte, sector uint64) error) (float64, error) {
	data := make([]byte, 1<<20)
	start, rounds := time.Now(), 0
	for time.Since(start) < cipherTime {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if err := crypt(data, data, 0); err != nil {
			return 0, err
		}
		rounds++
	}
	return float64(rounds) / time.Since(start).Seconds(), nil
}
