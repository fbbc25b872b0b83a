// SPDX-License-Identifier: Apache-2.0

package poweron

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// Script runs a script in the guest whose arguments are the nodes of disks,
// and returns what it says.
func Script(ctx context.Context, m *machine.Machine, script string, disks ...string) (string, error) {
	const nodes = `script=$1; shift; nodes=
for name; do
	for file in /sys/class/block/*/serial; do
		[ "$(cat "$file")" != "$name" ] || { dir=${file%/serial}; nodes="$nodes /dev/${dir##*/}"; }
	done
done
exec sh -ec "$script" sh $nodes`
	var out bytes.Buffer
	args := append([]string{"sh", "-ec", nodes, "sh", script}, disks...)
	code, err := m.Run(ctx, machine.Command{Args: args, Stdout: &out, Stderr: &out})
	return out.String(), ended(code, err, out.String())
}

// fetch copies a file of the guest to w.
func fetch(ctx context.Context, m *machine.Machine, file string, w io.Writer) error {
	var problem bytes.Buffer
	code, err := m.Run(ctx, machine.Command{Args: []string{"cat", file}, Stdout: w, Stderr: &problem})
	if err := ended(code, err, problem.String()); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// ended is what a command in the guest came to; said is what it said.
func ended(code int, err error, said string) error {
	switch {
	case err != nil:
		return fmt.Errorf("%w: %s", err, said)
	case code != 0:
		return fmt.Errorf("exit status %d: %s", code, said)
	}
	return nil
}

// recipe is a short name for what a text makes.
func recipe(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:4])
}
