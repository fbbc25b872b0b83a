// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/xts"

	"github.com/orthrus-luks/orthrus/luks/sector"
)

// A crypting encrypts or decrypts a buffer.
type crypting func() error

// bufferSize stays in the second-level cache: the cipher's speed, not memory's.
const bufferSize = 64 << 10

// sectorTable sets AES-256-XTS against openssl and x/crypto.
func (b *bench) sectorTable() error {
	if _, err := exec.LookPath("openssl"); err != nil {
		return fmt.Errorf("openssl is missing; scripts/setup installs it: %w", err)
	}
	b.printf("AES-256-XTS on one core, in this process, GB/s, medians of %d. The aims: 0.70 of openssl speed with sectors of 4096 bytes and\n"+
		"0.50 with 512, and 8 times x/crypto/xts.\n\n", rounds)
	b.table("sectors", "orthrus", "openssl speed", "x/crypto/xts", "of openssl", "times x/crypto")
	for _, size := range []int{4096, 512} {
		for _, decrypt := range []bool{false, true} {
			if err := b.sectorRow(size, decrypt); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) sectorRow(size int, decrypt bool) error {
	ours, err := ourCrypting(size, decrypt)
	if err != nil {
		return err
	}
	module, err := moduleCrypting(size, decrypt)
	if err != nil {
		return err
	}
	var a, o, m, ofOpenssl, timesModule []float64
	for range rounds {
		x, err := throughput(ours)
		if err != nil {
			return err
		}
		y, err := opensslSpeed(size, decrypt)
		if err != nil {
			return err
		}
		z, err := throughput(module)
		if err != nil {
			return err
		}
		a, o, m = append(a, x), append(o, y), append(m, z)
		ofOpenssl, timesModule = append(ofOpenssl, x/y), append(timesModule, x/z)
	}
	direction := "encrypt"
	if decrypt {
		direction = "decrypt"
	}
	b.row(fmt.Sprintf("%d bytes, %s", size, direction), gigabytes(a), gigabytes(o), gigabytes(m),
		fmt.Sprintf("**%.2f**", median(ofOpenssl)), fmt.Sprintf("**%.1f**", median(timesModule)))
	return nil
}

func gigabytes(rates []float64) string { return fmt.Sprintf("%.2f", median(rates)/1e9) }

func key() []byte {
	k := make([]byte, 64)
	for i := range k {
		k[i] = byte(i)
	}
	return k
}

func ourCrypting(size int, decrypt bool) (crypting, error) {
	c, err := sector.New("aes-xts-plain64", key(), size)
	if err != nil {
		return nil, err
	}
	buffer := make([]byte, bufferSize)
	if decrypt {
		return func() error { return c.Decrypt(buffer, buffer, 0) }, nil
	}
	return func() error { return c.Encrypt(buffer, buffer, 0) }, nil
}

func moduleCrypting(size int, decrypt bool) (crypting, error) {
	c, err := xts.NewCipher(func(key []byte) (cipher.Block, error) { return aes.NewCipher(key) }, key())
	if err != nil {
		return nil, err
	}
	crypt := c.Encrypt
	if decrypt {
		crypt = c.Decrypt
	}
	buffer := make([]byte, bufferSize)
	return func() error {
		for at := 0; at < len(buffer); at += size {
			crypt(buffer[at:at+size], buffer[at:at+size], uint64(at/size))
		}
		return nil
	}, nil
}

// throughput is bytes per second of processor time, which is what openssl counts as well.
func throughput(crypt crypting) (float64, error) {
	const long = 300 * time.Millisecond
	start, done, spent := processorTime(), 0, time.Duration(0)
	for spent < long {
		for range 16 {
			if err := crypt(); err != nil {
				return 0, err
			}
			done += bufferSize
		}
		spent = processorTime() - start
	}
	return float64(done) / spent.Seconds(), nil
}

// opensslSpeed reads bytes per second from the last line of openssl speed's machine-readable output,
// which ends in thousands of them or, for one size, in bytes.
func opensslSpeed(size int, decrypt bool) (float64, error) {
	args := strings.Fields(fmt.Sprintf("speed -mr -seconds 1 -bytes %d -evp aes-256-xts", size))
	if decrypt {
		args = append(args, "-decrypt")
	}
	text, err := exec.Command("openssl", args...).Output()
	if err != nil {
		return 0, fmt.Errorf("openssl %s: %w", strings.Join(args, " "), err)
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Split(strings.TrimSpace(line), ":"); strings.HasPrefix(line, "+F:") {
			return strconv.ParseFloat(fields[len(fields)-1], 64)
		}
	}
	return 0, fmt.Errorf("openssl %s: no figure in %q", strings.Join(args, " "), text)
}
