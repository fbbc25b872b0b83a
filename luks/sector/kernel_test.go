// SPDX-License-Identifier: Apache-2.0

package sector

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/bits"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestKernelNamesAndVectorSizes(t *testing.T) {
	for _, test := range []struct {
		spec, name string
		ivs        int
	}{
		{"camellia-xts-plain64", "xts(camellia)", 16},
		{"cast5-cbc-plain64", "cbc(cast5)", 8},
		{"des3_ede-cbc-plain", "cbc(des3_ede)", 8},
		{"cast6-cbc-essiv:sha256", "essiv(cbc(cast6),sha256)", 16},
		{"camellia-ecb-essiv:sha256", "ecb(camellia)", 0},
		{"aes-lrw-benbi", "lrw(aes)", 16},
		{"xchacha12,aes-adiantum-plain64", "adiantum(xchacha12,aes)", 32},
		{"aes-hctr2-plain64", "hctr2(aes)", 32},
	} {
		s, err := ParseSpec(test.spec)
		if err != nil {
			t.Fatal(err)
		}
		name, err := s.kernelName()
		if err != nil || name != test.name || s.kernelIVSize() != test.ivs {
			t.Errorf("%s: %q with %d bytes (%v), want %q with %d", test.spec, name, s.kernelIVSize(), err, test.name, test.ivs)
		}
	}
}

func TestKernelControlIsWellFormed(t *testing.T) {
	iv := []byte{1, 2, 3, 4, 5, 6, 7, 8, 9}
	messages, err := unix.ParseSocketControlMessage(kernelControl(unix.ALG_OP_DECRYPT, iv))
	if err != nil || len(messages) != 2 {
		t.Fatalf("%d messages, %v", len(messages), err)
	}
	op, with := messages[0], messages[1]
	if op.Header.Level != unix.SOL_ALG || op.Header.Type != unix.ALG_SET_OP || len(op.Data) != 4 {
		t.Errorf("operation: %+v", op)
	}
	if binary.NativeEndian.Uint32(op.Data) != unix.ALG_OP_DECRYPT {
		t.Errorf("operation is %x", op.Data)
	}
	if with.Header.Level != unix.SOL_ALG || with.Header.Type != unix.ALG_SET_IV {
		t.Errorf("vector: %+v", with)
	}
	if binary.NativeEndian.Uint32(with.Data) != 9 || !bytes.Equal(with.Data[4:], iv) {
		t.Errorf("vector is %x", with.Data)
	}
}

func TestKernelControlOfVectorlessModesHasOneMessage(t *testing.T) {
	control := kernelControl(unix.ALG_OP_ENCRYPT, nil)
	if want := unix.CmsgSpace(4); len(control) != want {
		t.Errorf("%d bytes, want %d", len(control), want)
	}
	if word := bits.UintSize / 8; len(control)%word != 0 {
		t.Errorf("%d bytes are not whole words", len(control))
	}
}

// recorder is a kernel that inverts every byte and remembers the vectors.
type recorder struct {
	ivs    [][]byte
	closed bool
	err    error
}

func (r *recorder) request(control, data []byte) error {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return err
	}
	r.ivs = append(r.ivs, messages[1].Data[4:])
	for i := range data {
		data[i] = ^data[i]
	}
	return r.err
}

func (r *recorder) close() { r.closed = true }

func TestKernelModeSendsOneRequestForEachSector(t *testing.T) {
	kernel := &recorder{}
	s, _ := ParseSpec("camellia-cbc-plain64")
	c := &Cipher{spec: s, size: 1024, step: 2, iv: plainIV(s, 16), mode: &kernelMode{ivs: 16, to: kernel}}
	src, dst := pattern("data", 3*1024), make([]byte, 3*1024)
	if err := c.Encrypt(dst, src, 258); err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]byte{{2, 1}, {4, 1}, {6, 1}} {
		if want = append(want, make([]byte, 14)...); !bytes.Equal(kernel.ivs[i], want) {
			t.Errorf("vector %d is %x, want %x", i, kernel.ivs[i], want)
		}
	}
	for i := range dst {
		if dst[i] != ^src[i] {
			t.Fatalf("byte %d is not the kernel's", i)
		}
	}
	kernel.err = unix.EIO
	if err := c.Decrypt(dst, src, 0); !errors.Is(err, unix.EIO) {
		t.Errorf("got %v, want the kernel's error", err)
	}
	if c.Close(); !kernel.closed {
		t.Error("the socket stays open")
	}
}

func TestKernelErrorsAreToldApart(t *testing.T) {
	s, _ := ParseSpec("camellia-xts-plain64")
	for _, test := range []struct {
		op    string
		errno unix.Errno
		kind  error
	}{
		{"socket", unix.EAFNOSUPPORT, ErrUnsupported},
		{"socket", unix.EPERM, ErrUnsupported},
		{"bind", unix.ENOENT, ErrUnsupported},
		{"bind", unix.ENOMEM, unix.ENOMEM},
		{"setsockopt", unix.ENOMEM, unix.ENOMEM},
		{"setsockopt", unix.EINVAL, ErrKeySize},
		{"socket", unix.EMFILE, unix.EMFILE},
		{"accept", unix.ENOMEM, unix.ENOMEM},
	} {
		err := s.kernelError(&socketError{test.op, test.errno}, 64)
		if !errors.Is(err, test.kind) {
			t.Errorf("%s: %v gives %v, want %v", test.op, test.errno, err, test.kind)
		}
		if errors.Is(test.kind, unix.EMFILE) && errors.Is(err, ErrUnsupported) {
			t.Errorf("%v is taken for a missing cipher", err)
		}
	}
}

func TestUnsupportedBlamesTheModeOfKnownCiphers(t *testing.T) {
	for text, want := range map[string]string{"aes-lrw-benbi": `mode "lrw"`, "aria-lrw-benbi": `cipher "aria"`} {
		s, _ := ParseSpec(text)
		err := s.kernelError(&socketError{"bind", unix.ENOENT}, 48)
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want it to blame the %s", err, want)
		}
	}
}

// The kernel under a unit test may or may not have AF_ALG; a cipher nobody has is refused either way.
func TestUnknownCipherIsRefusedByName(t *testing.T) {
	_, err := New("nosuchcipher-xts-plain64", make([]byte, 64), 512)
	var facts *UnsupportedError
	if !errors.As(err, &facts) || facts.Part != "cipher" {
		t.Errorf("got %v, want an UnsupportedError", err)
	}
}
