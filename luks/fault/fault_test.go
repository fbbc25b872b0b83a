// SPDX-License-Identifier: Apache-2.0

package fault_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/fault"
)

func TestFailuresSayWhatTheyAreAboutAndKeepTheirKind(t *testing.T) {
	tests := []struct {
		err  error
		text string
		kind error
	}{
		{fault.Keyslot(7, fault.ErrKeyslotInactive), "keyslot 7: keyslot is not active", fault.ErrKeyslotInactive},
		{fault.Keyslot(0, io.ErrUnexpectedEOF), "keyslot 0: unexpected EOF", io.ErrUnexpectedEOF},
		{
			fault.Keyslot(1, fault.Geometry("area", "%d bytes", 12)), "keyslot 1: area: 12 bytes", fault.ErrGeometry,
		},
		{fault.Geometry("device", "%d of %d bytes", 1, 2), "device: 1 of 2 bytes", fault.ErrGeometry},
		{fault.Geometry("device", "100%%"), "device: 100%", fault.ErrGeometry},
		{
			&fault.SegmentError{Type: "linear"}, `data segment of type "linear": not supported`, fault.ErrUnsupported,
		},
		{
			&fault.SegmentError{Type: "new\nline"}, `data segment of type "new\nline": not supported`,
			fault.ErrUnsupported,
		},
		{
			&fault.SegmentError{Type: "crypt", Integrity: true}, "authenticated encryption: not supported",
			fault.ErrUnsupported,
		},
	}
	kinds := []error{
		fault.ErrNotLUKS, fault.ErrKeyslotInactive, fault.ErrUnsupported, fault.ErrGeometry, io.ErrUnexpectedEOF,
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			wrapped := fmt.Errorf("opening: %w", test.err)
			if test.err.Error() != test.text {
				t.Errorf("%q", test.err)
			}
			for _, kind := range kinds {
				if errors.Is(wrapped, kind) != (kind == test.kind) {
					t.Errorf("is it %v? want %v", kind, test.kind)
				}
			}
		})
	}
}

func TestFactsComeOutOfAWrappedFailure(t *testing.T) {
	err := fmt.Errorf("opening: %w", fault.Keyslot(7, fault.Geometry("area", "odd")))
	var slot *fault.KeyslotError
	if !errors.As(err, &slot) || slot.Keyslot != 7 {
		t.Errorf("%+v", slot)
	}
	var geometry *fault.GeometryError
	if !errors.As(err, &geometry) || geometry.What != "area" || geometry.Why != "odd" {
		t.Errorf("%+v", geometry)
	}
}
