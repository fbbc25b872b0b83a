// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"context"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks"
)

// searches is how many disks that do not answer a search for other bearers waits for at most.
const searches = 3

func number(major, minor uint32) string {
	return strconv.FormatUint(uint64(major), 10) + ":" + strconv.FormatUint(uint64(minor), 10)
}

// clones lists the devices that were seen to bear the same UUID and do not show the same bytes.
func (g *Guard) clones(d Device, uuid string, file *luks.File) []string {
	var paths []string
	for _, v := range g.bearers(uuid) {
		if v.id == d.ID {
			continue
		}
		info := block.Info{Path: v.Device, Size: int64(v.Size)}
		info.Major, info.Minor, _ = Device{ID: v.id}.number()
		if !file.SharesBytes(info) {
			paths = append(paths, v.Device)
		}
	}
	return paths
}

// bearers are the devices on which something of the volume was seen: not those that only a mapping tells of.
func (g *Guard) bearers(uuid string) []*Volume {
	g.mu.Lock()
	defer g.mu.Unlock()
	var list []*Volume
	for _, v := range g.volumes {
		if v.UUID == uuid && v.bears {
			list = append(list, v)
		}
	}
	return list
}

// askBearers has the other bearers of a UUID looked at again, after one of them went or changed.
func (g *Guard) askBearers(uuid, but string) {
	if uuid == "" {
		return
	}
	for _, v := range g.bearers(uuid) {
		if v.id != but {
			g.requeue(v.id, 0)
		}
	}
}

// others are all block devices, and the images that the configuration names.
func (m machine) others() ([]block.Info, error) {
	list, err := m.devices()
	for _, pattern := range m.images() {
		found, _ := filepath.Glob(pattern)
		for _, path := range found {
			if d, err := describeImage(path); err == nil {
				list = append(list, block.Info{Path: path, Size: int64(d.Size)})
			}
		}
	}
	return list, err
}

// idOfInfo is how the guard calls what others lists.
func idOfInfo(d block.Info) string {
	if d.Major == 0 {
		return d.Path
	}
	return number(d.Major, d.Minor)
}

// everyClone asks all block devices and images again, before something is written. One that does not answer counts as
// what it was seen to be; patience is how long one may take.
func (g *Guard) everyClone(ctx context.Context, l look, file *luks.File, patience time.Duration) ([]string, error) {
	paths := g.clones(l.device, l.uuid, file)
	devices, err := g.machine.others()
	if err != nil {
		return paths, err
	}
	ctx, cancel := context.WithTimeout(ctx, searches*patience)
	defer cancel()
	for _, d := range devices {
		id := idOfInfo(d)
		if id == l.device.ID || d.Size == 0 || suspended(id, 0) {
			continue
		}
		uuid := ""
		asking, done := context.WithTimeout(ctx, patience)
		if g.within(asking, id, func() func() {
			found := uuidOf(d.Path)
			return func() { uuid = found }
		}) && uuid == l.uuid && !file.SharesBytes(d) && !slices.Contains(paths, d.Path) {
			paths = append(paths, d.Path)
		}
		done()
	}
	return paths, nil
}

// uuidOf is the UUID of the volume on a device, "" for none.
func uuidOf(path string) string {
	file, err := luks.OpenDevice(path, luks.DeviceOptions{NoLocks: true})
	if err != nil {
		return ""
	}
	defer file.Close()
	v, err := luks.Load(context.Background(), file)
	if err != nil {
		return ""
	}
	return v.UUID
}

// askLimit is how long one device may take to say what it bears. Where an answer decides whether a volume is called
// lost, it may be the machine that is slow: longLimit.
const (
	askLimit  = time.Second
	longLimit = 5 * time.Second
)

// within does something that a disk may never answer, for a bounded time. What it found is taken over, by
// the function that ask returns, only if it came in time. A device that owes an answer which nobody waits for any
// more is not asked again.
func (g *Guard) within(ctx context.Context, id string, ask func() (take func())) bool {
	over := g.turn(ctx, id)
	if over == nil {
		return false
	}
	defer close(over)
	answer := make(chan func(), 1)
	go func() {
		take := ask()
		g.mu.Lock()
		delete(g.owing, id)
		g.mu.Unlock()
		answer <- take
	}()
	select {
	case take := <-answer:
		take()
		return true
	case <-ctx.Done():
		return false
	}
}

// turn waits until nobody else asks a device. The channel is to be closed by whoever asks, once it has its answer or
// waits no more; nil where a device still owes one, or does not get to it in time.
func (g *Guard) turn(ctx context.Context, id string) (over chan struct{}) {
	for {
		before, mine := g.claim(id)
		if mine {
			return before
		}
		select {
		case <-ctx.Done():
			return nil
		case <-before:
		}
		if g.owes(id, before) {
			return nil
		}
	}
}

// claim is the channel of whoever asks a device; mine where nobody did.
func (g *Guard) claim(id string) (over chan struct{}, mine bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	over = g.owing[id]
	if over == nil {
		over, mine = make(chan struct{}), true
		g.owing[id] = over
	}
	return over, mine
}

func (g *Guard) owes(id string, over chan struct{}) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.owing[id] == over
}
