// SPDX-License-Identifier: Apache-2.0

package secret

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestFromMovesTheBytesAndWipesTheSource(t *testing.T) {
	source := []byte("correct horse")
	b, err := From(source)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if !b.Equal([]byte("correct horse")) || b.Equal([]byte("correct hors")) {
		t.Fatalf("buffer does not hold the secret")
	}
	if !bytes.Equal(source, make([]byte, 13)) {
		t.Fatalf("source not wiped: %q", source)
	}
}

func TestBufferNeverPrintsItsBytes(t *testing.T) {
	b, err := Copy([]byte("hunter2"))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(verb, b); got != "[secret]" {
			t.Errorf("%s printed %q", verb, got)
		}
	}
	if _, err := json.Marshal(map[string]any{"key": b}); !errors.Is(err, ErrSealed) {
		t.Errorf("json.Marshal: %v, want ErrSealed", err)
	}
}

func TestCloseEmptiesAndMayBeRepeated(t *testing.T) {
	b, err := New(70000)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if b.Len() != 0 || b.Bytes() != nil {
		t.Fatal("closed buffer still has bytes")
	}
	var none *Buffer
	if none.Close() != nil || none.Len() != 0 || none.Bytes() != nil {
		t.Fatal("nil buffer is not empty")
	}
}

func TestAppendGrowsAcrossPagesAndTruncateWipes(t *testing.T) {
	b, err := New(0)
	if err != nil {
		t.Fatal(err)
	}
	piece := bytes.Repeat([]byte{7}, 3000)
	for range 5 {
		if b, err = b.Append(piece); err != nil {
			t.Fatal(err)
		}
	}
	defer b.Close()
	if !bytes.Equal(b.Bytes(), bytes.Repeat([]byte{7}, 15000)) {
		t.Fatal("appended bytes differ")
	}
	b.Truncate(10)
	if b.Len() != 10 || b.region[10] != 0 || b.region[14999] != 0 {
		t.Fatal("truncation left bytes behind")
	}
}

func TestReadFullReportsShortInput(t *testing.T) {
	if _, err := ReadFull(strings.NewReader("abc"), 4); err == nil {
		t.Fatal("short input accepted")
	}
	b, err := ReadFull(strings.NewReader("abcd"), 4)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if !b.Equal([]byte("abcd")) {
		t.Fatal("bytes differ")
	}
}

// An empty secret is one, and a closed one is none: who is given nothing must be able to tell.
func TestAnEmptySecretIsNotNothing(t *testing.T) {
	for name, make := range map[string]func() (*Buffer, error){
		"new": func() (*Buffer, error) { return New(0) }, "copied": func() (*Buffer, error) { return Copy([]byte{}) },
	} {
		b, err := make()
		if err != nil || b.Bytes() == nil || b.Len() != 0 {
			t.Errorf("%s: %v, %v", name, b.Bytes(), err)
		}
		if b, err = b.Append([]byte("ab")); err != nil || !b.Equal([]byte("ab")) {
			t.Errorf("%s, appended: %v", name, err)
		}
		b.Truncate(0)
		if b.Bytes() == nil {
			t.Errorf("%s, cut: nothing", name)
		}
		if err := b.Close(); err != nil || b.Bytes() != nil {
			t.Errorf("%s, closed: %v, %v", name, b.Bytes(), err)
		}
	}
	var none *Buffer
	none.Truncate(1)
	b, err := none.Append([]byte("ab"))
	if err != nil || !b.Equal([]byte("ab")) {
		t.Errorf("appended to nil: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}
