// SPDX-License-Identifier: Apache-2.0

package run_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/reencrypt"
	"github.com/orthrus-luks/orthrus/luks/reencrypt/run"
	"github.com/orthrus-luks/orthrus/luks/sector"
	"github.com/orthrus-luks/orthrus/test/vectors/interrupted"
)

// memory is a device in memory.
type memory struct{ image []byte }

func (m *memory) Size() int64 { return int64(len(m.image)) }
func (m *memory) Sync() error { return nil }

func (m *memory) ReadAt(p []byte, off int64) (int, error) {
	return bytes.NewReader(m.image).ReadAt(p, off)
}

func (m *memory) WriteAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > m.Size() {
		return 0, io.ErrShortWrite
	}
	return copy(m.image[off:], p), nil
}

func keysOf(f interrupted.Family) reencrypt.Keys {
	return reencrypt.Keys{Old: f.Old.Key, New: f.New.Key}
}

// targetOf is a copy of the state's devices.
func targetOf(f interrupted.Family, s interrupted.State) run.Target {
	h := &memory{bytes.Clone(s.Header)}
	t := run.Target{Header: h, Data: h, UUID: f.UUID, Block: 512}
	if &s.Data[0] != &s.Header[0] {
		t.Data = &memory{bytes.Clone(s.Data)}
	}
	return t
}

// judged is the verdict on what the target is now.
func judged(t run.Target) (reencrypt.Verdict, error) {
	heads := header.Read(t.Header)
	choice, err := header.Choose(heads)
	if err != nil {
		return reencrypt.Verdict{}, err
	}
	return reencrypt.Judge(heads, choice), nil
}

// plain reads the data of a volume that is finished, or between two steps.
func plain(f interrupted.Family, t run.Target) ([]byte, error) {
	v, err := judged(t)
	if err != nil {
		return nil, err
	}
	p := make([]byte, f.Plain)
	if v.State == reencrypt.None {
		return p, finished(f, t, p)
	}
	r, err := openAt(t, v, keysOf(f))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	_, err = r.ReadAt(p, 0)
	return p, err
}

// finished reads by the one segment that is left.
func finished(f interrupted.Family, t run.Target, p []byte) error {
	choice, err := header.Choose(header.Read(t.Header))
	if err != nil {
		return err
	}
	segments := choice.Copy.Metadata.Segments()
	if len(segments) != 1 || !segments[0].Dynamic {
		return errors.New("not one segment to the end of the device")
	}
	s := segments[0]
	if n, err := t.Data.ReadAt(p, int64(s.Offset)); n < len(p) {
		return err
	}
	if s.Type != "crypt" {
		return nil
	}
	c, err := sector.New(s.Encryption, f.New.Key, int(s.SectorSize))
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Decrypt(p, p, s.IVTweak)
}

// refusals are the states that nobody can bring home, or not without a word of somebody who knows.
var refusals = map[string]error{
	"reencrypt-none/init":                run.ErrMayHaveCrashed,
	"reencrypt-none/interrupted-2":       run.ErrMayHaveCrashed,
	"odd-metadata/version-1":             run.ErrVersion1,
	"odd-metadata/version-999":           reencrypt.ErrForeign,
	"odd-metadata/tampered-final-offset": reencrypt.ErrForeign,
	"odd-metadata/forged-decrypt":        reencrypt.ErrForeign,
}

// unrecorded: the data are as they were, but the keys of the header that lies beside them were not recorded; or no
// run is recorded yet, and the header still opens the data as they were.
var unrecorded = map[string]bool{"encrypt-datashift/moved-not-restored": true, "decrypt-datashift/moving": true}

func eachState(t *testing.T, do func(t *testing.T, name string, f interrupted.Family, s interrupted.State)) {
	for _, f := range interrupted.Families() {
		for _, s := range f.States {
			if name := f.Name + "/" + s.Name; !unrecorded[name] {
				t.Run(name, func(t *testing.T) { do(t, name, f, s) })
			}
		}
	}
}

func TestEveryRecordedStateComesHome(t *testing.T) {
	eachState(t, func(t *testing.T, name string, f interrupted.Family, s interrupted.State) {
		target := targetOf(f, s)
		_, err := run.Home(t.Context(), target, run.Options{Keys: keysOf(f), Resume: true})
		if want := refusals[name]; want != nil {
			if !errors.Is(err, want) {
				t.Errorf("%v", err)
			}
			if !bytes.Equal(target.Header.(*memory).image, s.Header) {
				t.Error("something was written")
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if v, err := judged(target); err != nil || v.State != reencrypt.None {
			t.Errorf("%v, %v", v.State, err)
		}
		if got, err := plain(f, target); err != nil || !bytes.Equal(got, f.PlainData()) {
			t.Errorf("the data differ, or %v", err)
		}
	})
}

// Runs get another resilience on the way, those without any too.
func TestARunMayBeGivenAnotherResilience(t *testing.T) {
	count := 0
	eachState(t, func(t *testing.T, name string, f interrupted.Family, s interrupted.State) {
		for _, kind := range []string{"checksum", "journal"} {
			target := targetOf(f, s)
			before, err := judged(target)
			if err != nil || before.State != reencrypt.Clean {
				return
			}
			o := run.Options{Keys: keysOf(f), Resume: true, Resilience: kind, Hash: "sha512"}
			_, err = run.Home(t.Context(), target, o)
			if moves := before.Run.Shift > 0; moves || err != nil {
				if !errors.Is(err, reencrypt.ErrForeign) || !moves {
					t.Errorf("%s: %v", kind, err)
				}
				continue
			}
			if got, err := atHome(f, target); err != nil || !bytes.Equal(got, f.PlainData()) {
				t.Errorf("%s: the data differ, or %v", kind, err)
			}
			count++
		}
	})
	if count < 24 {
		t.Errorf("%d runs", count)
	}
}

// Metadata of version 1 are protected where somebody trusts them, and the run is then as any other.
func TestARunOfVersion1IsProtectedOnTrust(t *testing.T) {
	f := interrupted.Families()[0]
	for _, s := range f.States {
		if s.Name != "clean-1" && s.Name != "hot-2-data-half" {
			continue
		}
		target := targetOf(f, s)
		target.Header.(*memory).image = ofVersion1(t, target.Header.(*memory).image)
		o := run.Options{Keys: keysOf(f), Resume: true}
		if _, err := run.Home(t.Context(), target, o); !errors.Is(err, run.ErrVersion1) {
			t.Errorf("%v", err)
		}
		o.Trust = true
		if _, err := run.Home(t.Context(), target, o); err != nil {
			t.Fatal(err)
		}
		if got, err := atHome(f, target); err != nil || !bytes.Equal(got, f.PlainData()) {
			t.Errorf("the data differ, or %v", err)
		}
	}
}

// ofVersion1 takes the digest over the metadata out of both heads.
func ofVersion1(t *testing.T, image []byte) []byte {
	t.Helper()
	for at := uint64(0); at < 2; at++ {
		head := image[at*(16<<10) : (at+1)*(16<<10)]
		c, err := luks2.Decode(head, at*(16<<10))
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]map[string]any
		if err := json.Unmarshal(c.Metadata.Text(), &m); err != nil {
			t.Fatal(err)
		}
		for id, d := range m["digests"] {
			if len(d.(map[string]any)["segments"].([]any)) == 0 {
				delete(m["digests"], id)
			}
		}
		m["config"]["requirements"] = map[string]any{"mandatory": []string{"online-reencrypt"}}
		text, err := json.Marshal(m)
		if err == nil {
			c.Metadata, err = luks2.ParseMetadata(text)
		}
		if err != nil {
			t.Fatal(err)
		}
		fresh, err := luks2.Encode(c)
		if err != nil {
			t.Fatal(err)
		}
		copy(head, fresh)
	}
	return image
}

// What repair does: the hot zone comes to its end, what is finished is concluded, and what stopped between two steps
// is left there.
func TestRepairEndsTheZoneAndNoMore(t *testing.T) {
	eachState(t, func(t *testing.T, name string, f interrupted.Family, s interrupted.State) {
		target := targetOf(f, s)
		before, err := judged(target)
		if err != nil {
			t.Fatal(err)
		}
		_, err = run.Home(t.Context(), target, run.Options{Keys: keysOf(f)})
		if before.State == reencrypt.Foreign {
			if !errors.Is(err, refusals[name]) {
				t.Errorf("%v", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		after, err := judged(target)
		if err != nil || after.State != reencrypt.None && after.State != reencrypt.Clean {
			t.Errorf("%v, %v", after.State, err)
		}
		if before.State == reencrypt.Clean && !bytes.Equal(target.Data.(*memory).image, s.Data) {
			t.Error("something was written")
		}
		if before.State == reencrypt.Concluded && after.State != reencrypt.None {
			t.Error("it is not concluded")
		}
		if got, err := plain(f, target); err != nil || !bytes.Equal(got, f.PlainData()) {
			t.Errorf("the data differ, or %v", err)
		}
	})
}

func openAt(t run.Target, v reencrypt.Verdict, keys reencrypt.Keys) (*reencrypt.Plaintext, error) {
	return reencrypt.Open(context.Background(), v, t.Header, t.Data, uint64(t.Data.Size()), keys)
}
