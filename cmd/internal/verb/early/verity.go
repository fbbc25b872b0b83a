// SPDX-License-Identifier: Apache-2.0

package early

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/cmdline"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/device"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/plan"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verity"
)

// nofailPatience is how long the devices of an image are waited for that the boot can do without.
const nofailPatience = 10 * time.Second

// verifyAtStart maps what the kernel's command line and the image's veritytab say.
func verifyAtStart(ctx context.Context, c *verb.Command) error {
	p, err := bootPlan(ctx, c, &bootOptions{})
	if err != nil {
		return err
	}
	_, err = mapVerified(ctx, c, p)
	return err
}

// mapVerified maps the images of a plan, whose devices may be volumes that were unlocked. The first required one that
// cannot be mapped ends it: what is not verified is not booted.
func mapVerified(ctx context.Context, c *verb.Command, p plan.Plan) (outcomes []boot.VerifiedOutcome, err error) {
	for _, v := range p.Verified {
		patience := p.Policy.DeviceTimeout
		if !v.Required {
			patience = nofailPatience
		}
		o := boot.VerifiedOutcome{Name: v.Name, Required: v.Required, State: boot.Opened, Node: "/dev/mapper/" + v.Name}
		if failed := mapOne(ctx, c, v, patience); failed != nil {
			o.State, o.Node, o.Reason = boot.Failed, "", verb.OneLine(failed)
			if v.Required || ctx.Err() != nil {
				return append(outcomes, o), failed
			}
			c.UI.Errorf("%s", o.Reason)
		}
		outcomes = append(outcomes, o)
	}
	return outcomes, nil
}

// mapOne finds the devices of an image, and its signature where that has a partition.
func mapOne(ctx context.Context, c *verb.Command, v plan.Verified, patience time.Duration) error {
	if v.Signed() {
		if err := takeSignature(ctx, &v, patience); err != nil {
			return fmt.Errorf("%s: %w", v.From, err)
		}
	}
	data, hash := cmdline.Image{Root: v.Root}.Devices()
	m := verity.BootMapping{From: v.From, Name: v.Name, Root: v.Root, Options: v.Options}
	var err error
	if m.Data, err = nodeFor(ctx, v.Data, data, patience); err != nil {
		return fmt.Errorf("%s: the data: %w", v.From, err)
	}
	if m.Hash, err = nodeFor(ctx, v.Hash, hash, patience); err != nil {
		return fmt.Errorf("%s: the hash tree: %w", v.From, err)
	}
	return m.Open(ctx, c.UI, func(ctx context.Context, name string) (string, error) {
		return nodeFor(ctx, plan.ParseReference(name), "", patience)
	})
}

var errShortHash = errors.New("the root hash is too short to name partitions")

// nodeFor waits for the device that is named, or else for the one that the root hash names.
func nodeFor(ctx context.Context, r plan.Reference, byHash string, patience time.Duration) (string, error) {
	if r.IsZero() {
		r = plan.ParseReference(byHash)
	}
	if r.IsZero() {
		return "", errShortHash
	}
	found, err := findDevice(ctx, r, patience)
	return found.Node, err
}

// takeSignature puts what a signature partition says into an image: the signature, and the root hash where that is
// not known. The kernel judges it when the mapping is made.
func takeSignature(ctx context.Context, v *plan.Verified, patience time.Duration) error {
	digits := v.Root
	if digits == "" && !v.Data.IsZero() {
		found, err := findDevice(ctx, v.Data, patience)
		if err != nil {
			return fmt.Errorf("the data: %w", err)
		}
		digits = strings.ReplaceAll(strings.ToLower(found.PartUUID), "-", "")
	}
	partition, err := findDevice(ctx, plan.Reference{Kind: plan.Signature, Value: v.Usage + ":" + digits}, patience)
	if err != nil {
		return fmt.Errorf("the signature of the root hash: %w", err)
	}
	s, err := device.ReadSignature(partition.Node)
	if err != nil {
		return fmt.Errorf("%s: %w", partition.Node, err)
	}
	root := hex.EncodeToString(s.RootHash)
	if !strings.HasPrefix(root, digits) {
		return fmt.Errorf("%s has changed: it signs another root hash now", partition.Node)
	}
	v.Root = root
	v.Options = withSignature(v.Options, "base64:"+base64.StdEncoding.EncodeToString(s.PKCS7))
	return nil
}

// withSignature replaces the signature among options.
func withSignature(options, signature string) string {
	var words []string
	for word := range strings.SplitSeq(options, ",") {
		if !strings.HasPrefix(word, "root-hash-signature=") {
			words = append(words, word)
		}
	}
	return strings.Join(append(words, "root-hash-signature="+signature), ",")
}

// printVerified shows what would be mapped.
func printVerified(c *verb.Command, v plan.Verified) {
	root := v.Root
	if root == "" {
		root = "the root hash that is signed"
	}
	c.UI.Printf("%s: verity, %s", v.Name, root)
	data, hash := cmdline.Image{Root: v.Root}.Devices()
	for _, part := range []struct {
		what  string
		named plan.Reference
		other string
	}{{"data", v.Data, data}, {"hash tree", v.Hash, hash}} {
		text := part.named.String()
		if part.named.IsZero() {
			text = part.other
		}
		if text != "" {
			c.UI.Printf("  %s: %s", part.what, text)
		}
	}
	necessity := "optional"
	if v.Required {
		necessity = "required"
	}
	c.UI.Printf("  from %s, %s", v.From, necessity)
}
