// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks"
)

// searchLimit is how long a search for other bearers takes at most, however many disks do not answer.
const searchLimit = 3 * time.Second

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

// everyClone asks all block devices again, before something is written. One that does not answer counts as
// what it was seen to be.
func (g *Guard) everyClone(ctx context.Context, l look, file *luks.File) ([]string, error) {
	paths := g.clones(l.device, l.uuid, file)
	if !file.IsBlock() {
		return paths, nil
	}
	devices, err := block.Devices()
	if err != nil {
		return paths, err
	}
	ctx, cancel := context.WithTimeout(ctx, searchLimit)
	defer cancel()
	for _, d := range devices {
		id := number(d.Major, d.Minor)
		if id == l.device.ID || d.Size == 0 || suspended(id, 0) {
			continue
		}
		uuid := ""
		asking, done := context.WithTimeout(ctx, askLimit)
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

// askLimit is how long one device may take to say what it bears.
const askLimit = time.Second

// within does something that a disk may never answer, for a bounded time. What it found is taken over, by
// the function that ask returns, only if it came in time. A device that owes an answer is not asked again.
func (g *Guard) within(ctx context.Context, id string, ask func() (take func())) bool {
	g.mu.Lock()
	owes := g.owing[id]
	if !owes {
		g.owing[id] = true
	}
	g.mu.Unlock()
	if owes {
		return false
	}
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
