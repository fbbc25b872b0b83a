// SPDX-License-Identifier: Apache-2.0

package run_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/reencrypt"
	"github.com/orthrus-luks/orthrus/luks/reencrypt/run"
	"github.com/orthrus-luks/orthrus/test/vectors/interrupted"
)

var cutsOfEach = flag.Int("cuts", 3, "how often the way home of each state is cut, three deep")

// entry is a write to one of the two devices, or a sync of it where it has no bytes.
type entry struct {
	dev   int
	off   int64
	bytes []byte
}

// recorder notes what is written to a device.
type recorder struct {
	*memory
	dev int
	log *[]entry
}

func (r recorder) Sync() error {
	*r.log = append(*r.log, entry{dev: r.dev})
	return nil
}

func (r recorder) WriteAt(p []byte, off int64) (int, error) {
	*r.log = append(*r.log, entry{r.dev, off, bytes.Clone(p)})
	return r.memory.WriteAt(p, off)
}

// disks are the two devices of a volume, which may be one.
type disks [2][]byte

func (d disks) clone() disks {
	c := disks{bytes.Clone(d[0])}
	if d[1] != nil {
		c[1] = bytes.Clone(d[1])
	}
	return c
}

// record brings the volume home and returns what was written on the way.
func record(t *testing.T, f interrupted.Family, from disks) (run.Target, []entry, error) {
	var log []entry
	d := from.clone()
	target := run.Target{Header: recorder{&memory{d[0]}, 0, &log}, UUID: f.UUID, Block: 512}
	if target.Data = target.Header; d[1] != nil {
		target.Data = recorder{&memory{d[1]}, 1, &log}
	}
	_, err := run.Home(t.Context(), target, run.Options{Keys: keysOf(f), Resume: true})
	return target, log, err
}

// crash is what is on the disks after a power cut before entry n: all that was synced, and of the rest each write
// whole, not at all, or torn between any two 512 bytes.
func crash(from disks, log []entry, n int, random *rand.Rand) disks {
	d := from.clone()
	for i, e := range log[:n] {
		if e.bytes == nil {
			continue
		}
		durable := false
		for _, later := range log[i+1 : n] {
			durable = durable || later.bytes == nil && later.dev == e.dev
		}
		p := e.bytes
		if !durable {
			switch random.IntN(3) {
			case 0:
				continue
			case 1:
				p = p[:min(512*random.IntN(len(p)/512+1), len(p))]
			}
		}
		copy(d[e.dev][e.off:], p)
	}
	return d
}

// A power cut at any write of the way home, and of the way home after that, three deep, loses nothing.
func TestThePowerMayBeCutThreeTimesOnTheWayHome(t *testing.T) {
	images := 0
	eachState(t, func(t *testing.T, name string, f interrupted.Family, s interrupted.State) {
		if refusals[name] != nil || s.Name == "done" {
			return
		}
		from := disks{s.Header}
		if &s.Data[0] != &s.Header[0] {
			from[1] = s.Data
		}
		random := rand.New(rand.NewPCG(7, uint64(len(name))))
		_, log, err := record(t, f, from)
		if err != nil {
			t.Fatal(err)
		}
		for range *cutsOfEach {
			images += cutThrice(t, f, from, log, random, nil)
		}
	})
	if images < 150**cutsOfEach {
		t.Errorf("only %d images", images)
	}
	t.Logf("%d images", images)
}

func cutThrice(t *testing.T, f interrupted.Family, from disks, log []entry, random *rand.Rand, way []string) int {
	if len(way) == 3 || len(log) == 0 {
		return 0
	}
	at := random.IntN(len(log) + 1)
	image := crash(from, log, at, random)
	way = append(way, fmt.Sprintf("%d of %d", at, len(log)))
	target, next, err := record(t, f, image)
	if err != nil {
		t.Errorf("cut at %v: %v", way, err)
		return 1
	}
	got, err := atHome(f, target)
	if err != nil || !bytes.Equal(got, f.PlainData()) {
		t.Errorf("cut at %v: the data differ, or %v", way, err)
	}
	return 1 + cutThrice(t, f, image, next, random, way)
}

func atHome(f interrupted.Family, t run.Target) ([]byte, error) {
	v, err := judged(t)
	if err != nil {
		return nil, err
	}
	if v.State != reencrypt.None {
		return nil, errors.New("it is not home")
	}
	p := make([]byte, f.Plain)
	return p, finished(f, t, p)
}
