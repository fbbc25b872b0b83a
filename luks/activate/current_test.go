// SPDX-License-Identifier: Apache-2.0

package activate

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/dm/target"
)

var errKernel = errors.New("invalid argument")

// mapper is a device-mapper with one mapping, which fails where it is told to.
type mapper struct {
	line      target.Crypt // as loaded; the key apart
	key       []byte       // in the table; nil where the keyring has it
	suspended bool
	fail      string // the call that fails: "load", "swap", "message"
	calls     []string
	loaded    []uint64 // lengths of the tables that were loaded
	keys      [][]byte // and their keys
}

func (m *mapper) info() dm.Info { return dm.Info{Name: "vol", Suspended: m.suspended} }

func (m *mapper) note(call string) error {
	m.calls = append(m.calls, call)
	if m.fail == call {
		return errKernel
	}
	return nil
}

func (m *mapper) Status(string) (dm.Info, error) { return m.info(), nil }

func (m *mapper) Table(string, dm.Slot) (dm.Table, dm.Info, error) {
	line := m.line
	if m.key == nil {
		line.Key.Ring = &target.RingKey{Size: 32, Type: "logon", Description: "cryptsetup:u-d0"}
		return dm.Table{&line}, m.info(), nil
	}
	raw, err := secret.Copy(m.key)
	line.Key.Raw = raw
	return dm.Table{&line}, m.info(), err
}

func (m *mapper) Load(_ string, table dm.Table, _ dm.LoadOptions) (dm.Info, error) {
	line := table[0].(*target.Crypt)
	m.loaded, m.keys = append(m.loaded, line.Length), append(m.keys, bytes.Clone(line.Key.Raw.Bytes()))
	return m.info(), m.note("load")
}

func (m *mapper) Clear(string) (dm.Info, error) { return m.info(), m.note("clear") }

func (m *mapper) Suspend(string, dm.SuspendOptions) (dm.Info, error) {
	m.suspended = true
	return m.info(), m.note("suspend")
}

// Resume suspends before it puts a table in, and leaves the device so where that fails, as the kernel does.
func (m *mapper) Resume(context.Context, string, dm.ResumeOptions) (dm.Info, error) {
	if m.fail == "swap" && len(m.loaded) > 0 {
		m.fail, m.suspended = "", true
		return m.info(), errKernel
	}
	err := m.note("resume")
	m.suspended = err != nil
	return m.info(), err
}

func (m *mapper) Message(_ string, _ uint64, text []byte) (string, error) {
	return "", m.note("message")
}

func is(want []byte) Confirm {
	return func(key []byte) (bool, error) { return bytes.Equal(key, want), nil }
}

var right = bytes.Repeat([]byte{7}, 32)

func TestNoKeyOfASuspendedMappingIsEverASource(t *testing.T) {
	for name, m := range map[string]*mapper{
		"wiped":           {suspended: true, key: make([]byte, 32)},
		"not wiped":       {suspended: true, key: right},
		"in the keyring":  {suspended: true},
		"zeros, it runs":  {key: make([]byte, 32)},
		"of another head": {key: bytes.Repeat([]byte{8}, 32)},
	} {
		t.Run(name, func(t *testing.T) {
			now, err := Read(m, "vol")
			if err != nil {
				t.Fatal(err)
			}
			defer now.Close()
			key, err := now.Key(is(right))
			var state *StateError
			if key != nil || !errors.As(err, &state) || state.Name != "vol" {
				t.Errorf("a key of %d bytes, %v", key.Len(), err)
			}
			if err := Lengthen(t.Context(), m, "vol", 8, is(right)); !errors.As(err, &state) {
				t.Errorf("made longer: %v", err)
			}
			if len(m.loaded) != 0 || len(m.calls) != 0 {
				t.Errorf("%v", m.calls)
			}
		})
	}
}

func TestAKeyThatTheDigestConfirmsIsLoadedAgain(t *testing.T) {
	m := &mapper{key: right, line: target.Crypt{Length: 4, Cipher: "aes-xts-plain64", Device: "7:0"}}
	if err := Lengthen(t.Context(), m, "vol", 8, is(right)); err != nil {
		t.Fatal(err)
	}
	if len(m.loaded) != 1 || m.loaded[0] != 8 || !bytes.Equal(m.keys[0], right) || m.suspended {
		t.Errorf("%v, suspended %v", m.loaded, m.suspended)
	}
}

func TestNothingIsLoadedOverASuspendedMapping(t *testing.T) {
	m := &mapper{suspended: true}
	key, err := secret.Copy(right)
	if err != nil {
		t.Fatal(err)
	}
	defer key.Close()
	err = Reload(t.Context(), m, Mapping{Name: "vol", Length: 8, Cipher: "aes-xts-plain64", SectorSize: 512, Key: key})
	if !errors.Is(err, ErrSuspended) || len(m.loaded) != 0 || !m.suspended {
		t.Errorf("%v; %v, suspended %v", err, m.calls, m.suspended)
	}
}

func TestTheOldTableRunsOnWhereTheNewOneIsRefused(t *testing.T) {
	for _, step := range []string{"load", "swap"} {
		t.Run(step, func(t *testing.T) {
			m := &mapper{fail: step, key: right, line: target.Crypt{Cipher: "aes-xts-plain64", Device: "7:0"}}
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // the end of the caller's patience does not stop it
			if err := Lengthen(ctx, m, "vol", 7, is(right)); !errors.Is(err, errKernel) {
				t.Errorf("%v", err)
			}
			if m.suspended {
				t.Errorf("left suspended: %v", m.calls)
			}
		})
	}
}

func TestAMappingThatCannotGoOnKeepsNoKey(t *testing.T) {
	key, err := secret.Copy(right)
	if err != nil {
		t.Fatal(err)
	}
	defer key.Close()
	m := &mapper{fail: "resume", suspended: true}
	err = Resume(t.Context(), m, Mapping{Name: "vol", Cipher: "aes-xts-plain64", SectorSize: 512, Key: key})
	if !errors.Is(err, errKernel) || len(m.calls) != 3 || m.calls[2] != "message" {
		t.Errorf("%v; %v", err, m.calls)
	}
}

func TestSuspendedMappingsGoOnWhereTheirKeyCannotBeWiped(t *testing.T) {
	m := &mapper{fail: "message"}
	if err := Suspend(t.Context(), m, "vol"); !errors.Is(err, errKernel) || m.suspended {
		t.Errorf("%v, suspended %v", err, m.suspended)
	}
}
