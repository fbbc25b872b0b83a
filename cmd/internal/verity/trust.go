// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/orthrus-luks/orthrus/cmd/internal/setup"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/verity"
)

// errTrusted is the kind of a tree that digests of before made wrong: the data were not what they were said to be.
var errTrusted = errors.New("digests of before are not those of the data")

// sampled is of how many blocks one is hashed again where digests of before were taken. All of them would cost what
// a tree from nothing costs.
const sampled = 64

// prove holds a sample of the tree against the data, where digests of before were taken into it. What the sample
// misses is a block that fails later: it is never one that passes for what it is not.
func (r *run) prove(ctx context.Context, im *image, v *verity.Image, root []byte) error {
	reader, err := verity.NewReader(v, root)
	if err != nil {
		return err
	}
	block := make([]byte, im.DataBlockSize)
	for n := rand.Uint64N(min(sampled, im.DataBlocks)); n < im.DataBlocks && err == nil; n += sampled {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		_, err = reader.ReadAt(block, int64(n)*int64(im.DataBlockSize))
	}
	var bad *verity.BlockError
	switch {
	case err == nil:
		if r.ui.Own {
			r.ui.Errorf("One block in %d was hashed again, of those whose digests are from before; verify proves all.",
				sampled)
		}
		return nil
	case errors.As(err, &bad) && bad.Err == nil && bad.Level < 0:
		return setup.Because(ui.Failed,
			fmt.Sprintf("The digests of before are not those of %s, at byte %d and maybe elsewhere: the data have "+
				"changed since, or the former image has. There is no tree: make it from nothing.", im.data.path,
				bad.Offset),
			errTrusted)
	}
	return err
}
