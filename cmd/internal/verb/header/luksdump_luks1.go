// SPDX-License-Identifier: Apache-2.0

package header

import (
	"encoding/hex"

	"github.com/orthrus-luks/orthrus/luks/luks1"
)

// luks1Report is what luksDump --json prints of a LUKS1 header.
type luks1Report struct {
	Version    int            `json:"version"`
	UUID       string         `json:"uuid"`
	Cipher     string         `json:"cipher"`
	Hash       string         `json:"hash"`
	KeyBits    int            `json:"key_bits"`
	DataOffset uint64         `json:"data_offset"`
	Digest     string         `json:"digest"`
	DigestSalt string         `json:"digest_salt"`
	Iterations uint32         `json:"digest_iterations"`
	Slots      []luks1Keyslot `json:"slots"`
}

type luks1Keyslot struct {
	ID         int    `json:"id"`
	Enabled    bool   `json:"enabled"`
	Iterations uint32 `json:"iterations"`
	Salt       string `json:"salt"`
	Offset     int64  `json:"offset"`
	Size       int64  `json:"size"`
	Stripes    uint32 `json:"stripes"`
}

func reportLUKS1(h luks1.Header) luks1Report {
	r := luks1Report{
		Version: 1, UUID: h.UUID, Cipher: h.Encryption(), Hash: h.HashSpec, KeyBits: int(h.KeyBytes) * 8,
		DataOffset: uint64(h.PayloadOffset) * luks1.SectorSize, Digest: hex.EncodeToString(h.Digest[:]),
		DigestSalt: hex.EncodeToString(h.DigestSalt[:]), Iterations: h.DigestIterations,
	}
	for i, k := range h.Keyslots {
		offset, size := h.Material(i)
		r.Slots = append(r.Slots, luks1Keyslot{
			ID: i, Enabled: k.Enabled(), Iterations: k.Iterations, Salt: hex.EncodeToString(k.Salt[:]),
			Offset: offset, Size: size, Stripes: k.Stripes,
		})
	}
	return r
}
