// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/kdf"
)

// A choice is a luksFormat that measures the machine.
type choice struct {
	options []string
	target  time.Duration
}

func choicesAsked() []choice {
	var list []choice
	for _, options := range [][]string{{"--pbkdf", "argon2id"}, {"--pbkdf", "pbkdf2", "--hash", "sha256"}} {
		for _, target := range []time.Duration{500 * time.Millisecond, 2 * time.Second} {
			list = append(list, choice{options, target})
		}
	}
	return list
}

// choices of ours for each row.
const choices = 3

// choosing shows whether a new keyslot takes the time asked for, and how long choosing took.
func (b *bench) choosing() error {
	b.printf("What luksFormat chose for the time asked for: how long the key derivation then takes (by orthrus for both, memory at hand), within\n"+
		"10 %% is the aim; and how long it took to choose (the whole of luksFormat less an unlock), less than twice the time asked\n"+
		"for is the aim. Medians of %d, and one run of cryptsetup.\n\n", choices)
	b.table("asked for", "orthrus chose", "which takes", "off by", "choosing took", "cryptsetup chose", "which takes",
		"choosing took")
	for _, c := range choicesAsked() {
		ours, err := b.choose("orthrus", c, choices)
		if err != nil {
			return err
		}
		them, err := b.choose("cryptsetup", c, 1)
		if err != nil {
			return err
		}
		b.row(fmt.Sprintf("%s %v", c.options[1], c.target), costsOf(ours.params), millis(ours.takes),
			fmt.Sprintf("%+.1f %%", 100*(ours.takes.Seconds()/c.target.Seconds()-1)), millis(ours.choosing),
			costsOf(them.params), millis(them.takes), millis(them.choosing))
	}
	return nil
}

func costsOf(p kdf.Params) string {
	if p.Type == kdf.PBKDF2 {
		return fmt.Sprintf("%d iterations", p.Iterations)
	}
	return fmt.Sprintf("%d MiB t=%d p=%d", p.Memory>>10, p.Time, p.CPUs)
}

// chosen is what came of a choice.
type chosen struct {
	params          kdf.Params
	takes, choosing time.Duration
}

// choose formats so many times and takes the median by what the keyslot's derivation takes.
func (b *bench) choose(program string, c choice, times int) (chosen, error) {
	var tries []chosen
	var takes, choosing []time.Duration
	for range times {
		one, err := b.chooseOnce(program, c)
		if err != nil {
			return chosen{}, err
		}
		tries, takes, choosing = append(tries, one), append(takes, one.takes), append(choosing, one.choosing)
	}
	for _, one := range tries {
		if one.takes == median(takes) {
			one.choosing = median(choosing)
			return one, nil
		}
	}
	return chosen{}, fmt.Errorf("no median of %v", takes)
}

func (b *bench) chooseOnce(program string, c choice) (chosen, error) {
	image, err := b.image(nil)
	if err != nil {
		return chosen{}, err
	}
	defer os.Remove(image)
	asked := append([]string{"luksFormat", "-q", "--iter-time", fmt.Sprint(c.target.Milliseconds())}, c.options...)
	made, err := b.process(command{program: program, args: append(asked, "IMAGE"), input: passphrase}, image)
	if err != nil {
		return chosen{}, err
	}
	opened, err := b.process(command{
		program: program, args: []string{"open", "--test-passphrase", "IMAGE"},
		input: passphrase,
	}, image)
	if err != nil {
		return chosen{}, err
	}
	params, err := costsIn(image)
	if err != nil {
		return chosen{}, err
	}
	if err := findMemory(2 * params.MemoryBytes()); err != nil { // costs are chosen for memory at hand
		return chosen{}, err
	}
	takes, err := deriving(params, 3)
	return chosen{params, takes, made.wall - opened.wall}, err
}

// costsIn reads them from the first keyslot.
func costsIn(image string) (kdf.Params, error) {
	dev, err := luks.OpenDevice(image, luks.DeviceOptions{})
	if err != nil {
		return kdf.Params{}, err
	}
	defer dev.Close()
	v, err := luks.Load(context.Background(), dev)
	if err != nil {
		return kdf.Params{}, err
	}
	slot, err := v.Keyslot(0)
	return slot.Spec.KDF, err
}

// deriving is the median time of some derivations.
func deriving(p kdf.Params, times int) (time.Duration, error) {
	p.Salt = make([]byte, 32)
	took := make([]time.Duration, times)
	for i := range took {
		start := time.Now()
		if err := p.Derive(context.Background(), make([]byte, 64), []byte(passphrase)); err != nil {
			return 0, err
		}
		took[i] = time.Since(start)
	}
	return median(took), nil
}
