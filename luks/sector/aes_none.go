// SPDX-License-Identifier: Apache-2.0

//go:build !amd64 && !arm64

package sector

import "crypto/aes"

func newAES(key []byte) (blockCipher, error) {
	b, err := aes.NewCipher(key)
	return oneByOne{b}, err
}

func fasterXTS(m xtsMode) mode { return m }
