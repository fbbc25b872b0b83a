// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/orthrus-luks/orthrus/test/pace"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

const limit = 3 * time.Minute

func main() {
	machine.Init()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, pace.Limit(limit))
	err := show(ctx)
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func config() machine.Config {
	return machine.Config{
		Modules: []string{
			"dm-crypt", "ext4", "xts", "aesni-intel", "essiv", "sha256_generic", "crc32c_generic",
			"algif_skcipher", "algif_hash",
		},
		Programs: []string{
			"cryptsetup", "mkfs.ext4", "mount", "umount", "sh", "cat", "dd", "grep", "sha256sum", "uname", "sleep",
			"setsid", "mkdir", "cp", "chmod", "sync", "sed", "veritysetup",
		},
		Build: []string{"github.com/orthrus-luks/orthrus/cmd/orthrus"},
		Env:   []string{"costs=" + costs},
		Peers: []string{"trixie"},
		Disks: []machine.Disk{
			{Name: "one", Size: 64 << 20},
			{Name: "two", Size: 64 << 20, LogicalSector: 4096},
		},
	}
}

func show(ctx context.Context) error {
	p := newPage(os.Stdout)
	begin := time.Now()
	m, err := machine.Start(ctx, config())
	if err != nil {
		return err
	}
	defer m.Close()
	p.note("A virtual machine (%s) is up after %.1f s.", m.Accelerator(), time.Since(begin).Seconds())
	commands := 0
	for _, s := range append(slices.Clone(script), sealScene) {
		p.title(s.title, s.words)
		for _, st := range s.steps {
			if err := st.play(ctx, m, p); err != nil {
				return err
			}
			commands++
		}
	}
	m.PowerOff()
	if err := powerOn(ctx, p, m.DiskFile(rootName)); err != nil {
		return err
	}
	p.note("%d commands, each with the outcome it must have, in %.0f s.", commands, time.Since(begin).Seconds())
	return nil
}

// play runs a step and shows what it prints.
func (s step) play(ctx context.Context, m *machine.Machine, p *page) error {
	if s.host != nil {
		p.host(s.run)
		return s.host(ctx, m)
	}
	p.command(s.run)
	out := p.output()
	code, err := m.Run(ctx, machine.Command{Args: []string{"sh", "-c", s.run}, Dir: "/root", Stdout: out, Stderr: out})
	out.end(code)
	switch {
	case err != nil:
		return err
	case code != s.exit:
		return fmt.Errorf("%s: exit status %d, not %d", s.run, code, s.exit)
	case !out.contains(s.want):
		return errors.New(s.run + ": the output lacks " + s.want)
	}
	return nil
}
