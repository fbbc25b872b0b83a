// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/fault"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/unlock"
)

// The kinds of failure, beside those of the packages below.
var (
	ErrNotLUKS         = fault.ErrNotLUKS
	ErrPassphrase      = unlock.ErrPassphrase
	ErrNoUsableKeyslot = unlock.ErrNoUsableKeyslot
	ErrKeyslotInactive = fault.ErrKeyslotInactive
	ErrVolumeKey       = unlock.ErrVolumeKey
	ErrUnsupported     = fault.ErrUnsupported
	ErrGeometry        = fault.ErrGeometry
	ErrAnotherVolume   = commit.ErrAnotherVolume
	// ErrMeanwhile: what an operation believed turned out otherwise under the lock, and nothing was written.
	ErrMeanwhile = commit.ErrMeanwhile
	// ErrLastKey: the operation would now leave nothing that opens the data. It comes with ErrMeanwhile.
	ErrLastKey = commit.ErrLastKey
	// ErrAuthority: the passphrase that allowed the operation was revoked. It comes with ErrMeanwhile.
	ErrAuthority = commit.ErrAuthority
)

// KeyslotError says which keyslot a failure belongs to.
type KeyslotError = fault.KeyslotError

// GeometryError says which size or offset cannot be.
type GeometryError = fault.GeometryError

// SegmentError is a data segment of a kind that is not supported.
type SegmentError = fault.SegmentError

// RequirementsError names the requirements of the header that are not met here.
type RequirementsError = luks2.RequirementsError
