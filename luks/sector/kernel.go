// SPDX-License-Identifier: Apache-2.0

package sector

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// kernelMode has the kernel's crypto API do the work (Documentation/crypto/userspace-if.rst): one
// request for each sector, because a request carries one vector.
type kernelMode struct {
	ivs int
	mu  sync.Mutex // a request is a send and a receive on the same socket
	to  kernelSocket
}

// kernelSocket is one keyed instance of an algorithm.
type kernelSocket interface {
	// request transforms data in place; control is what kernelControl made.
	request(control, data []byte) error
	close()
}

// setKernelKey gives c a mode that the kernel computes, with vectors that we make.
func (c *Cipher) setKernelKey(key []byte) error {
	name, err := c.spec.kernelName()
	if err != nil {
		return err
	}
	ivs := c.spec.kernelIVSize()
	to, err := openKernelSocket(name, key)
	if err != nil {
		return c.spec.kernelError(err, len(key))
	}
	c.iv = plainIV(c.spec, ivs)
	c.mode = &kernelMode{ivs: ivs, to: to}
	return nil
}

// kernelName returns the kernel's name for the algorithm: "xts(camellia)". The essiv template does its
// own encryption of the vector, so that it gets a plain64 one.
func (s Spec) kernelName() (string, error) {
	if strings.Contains(s.Cipher, ":") {
		return "", &UnsupportedError{Spec: s.String(), Part: "key count", Name: s.Cipher}
	}
	if s.IsNull() {
		return "", &UnsupportedError{Spec: s.String(), Part: "mode", Name: s.Mode}
	}
	return s.algorithm(), nil
}

func (s Spec) algorithm() string {
	name := s.Mode + "(" + s.Cipher + ")"
	if s.Algorithm != "" {
		name = s.Algorithm
	}
	if s.IV == "essiv" && s.Mode != "ecb" {
		return "essiv(" + name + "," + s.IVHash + ")"
	}
	return name
}

// kernelError tells an algorithm that the kernel lacks and a key that it refuses from other trouble.
func (s Spec) kernelError(err error, keySize int) error {
	var call *socketError
	if !errors.As(err, &call) {
		return err
	}
	switch {
	case call.op == "setsockopt" && errors.Is(err, unix.EINVAL):
		return &KeySizeError{Spec: s.String(), Bytes: keySize}
	case call.op == "socket" && slices.ContainsFunc(noSockets(), call.is), call.op == "bind" &&
		slices.ContainsFunc(noAlgorithm(), call.is):
		return s.unsupported(err)
	}
	return fmt.Errorf("cipher %q: %w", s, err)
}

// noSockets are the answers of a kernel without AF_ALG, or of a sandbox that forbids it.
func noSockets() []unix.Errno {
	return []unix.Errno{unix.EAFNOSUPPORT, unix.EPERM, unix.EACCES, unix.EINVAL}
}

// noAlgorithm are the answers of a kernel that lacks the algorithm, or finds the name odd.
func noAlgorithm() []unix.Errno {
	return []unix.Errno{unix.ENOENT, unix.ELIBBAD, unix.EINVAL, unix.ENAMETOOLONG}
}

// unsupported blames the cipher, or the mode if the cipher is one of ours, or the hash if the mode is too.
func (s Spec) unsupported(err error) error {
	if !s.knownHash() && builtinCipher(s.Cipher) && rowOf(s.Mode).make != nil {
		return &UnsupportedError{Spec: s.String(), Part: "hash", Name: s.IVHash, Err: err}
	}
	if builtinCipher(s.Cipher) {
		return &UnsupportedError{Spec: s.String(), Part: "mode", Name: s.Mode, Err: err}
	}
	return &UnsupportedError{Spec: s.String(), Part: "cipher", Name: s.Cipher, Err: err}
}

// socketError says which step towards an algorithm failed.
type socketError struct {
	op  string // "socket", "bind", "setsockopt", "accept", "sendmsg", "read"
	err error
}

func (e *socketError) Error() string { return "AF_ALG " + e.op + ": " + e.err.Error() }
func (e *socketError) Unwrap() error { return e.err }

func (e *socketError) is(errno unix.Errno) bool { return e.err == errno }

func (m *kernelMode) encrypt(dst, src, ivs []byte, size int, _ *[MaxSize]byte) error {
	return m.each(unix.ALG_OP_ENCRYPT, dst, src, ivs, size)
}

func (m *kernelMode) decrypt(dst, src, ivs []byte, size int, _ *[MaxSize]byte) error {
	return m.each(unix.ALG_OP_DECRYPT, dst, src, ivs, size)
}

func (m *kernelMode) each(op uint32, dst, src, ivs []byte, size int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	copy(dst, src)
	for at := 0; at < len(src); at += size {
		control := kernelControl(op, ivs[at/size*m.ivs:][:m.ivs])
		if err := m.to.request(control, dst[at:at+size]); err != nil {
			return err
		}
	}
	return nil
}

func (m *kernelMode) ivSize() int { return m.ivs }
func (m *kernelMode) wipe()       { m.to.close() }

// kernelControl returns the control messages of a request, native-endian, each padded to a word
// (cmsg(3)):
//
//	word length │ u32 SOL_ALG │ u32 ALG_SET_OP │ u32 op
//	word length │ u32 SOL_ALG │ u32 ALG_SET_IV │ u32 vector length │ vector     (if there is one)
func kernelControl(op uint32, iv []byte) []byte {
	out := appendControl(nil, unix.ALG_SET_OP, binary.NativeEndian.AppendUint32(nil, op))
	if len(iv) == 0 {
		return out
	}
	payload := binary.NativeEndian.AppendUint32(nil, uint32(len(iv)))
	return appendControl(out, unix.ALG_SET_IV, append(payload, iv...))
}

func appendControl(out []byte, kind uint32, payload []byte) []byte {
	const word = bits.UintSize / 8
	length := word + 8 + len(payload)
	if word == 8 {
		out = binary.NativeEndian.AppendUint64(out, uint64(length))
	} else {
		out = binary.NativeEndian.AppendUint32(out, uint32(length))
	}
	out = binary.NativeEndian.AppendUint32(out, unix.SOL_ALG)
	out = binary.NativeEndian.AppendUint32(out, kind)
	out = append(out, payload...)
	return append(out, make([]byte, -len(payload)&(word-1))...)
}
