// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/verdict"
	"github.com/orthrus-luks/orthrus/luks"
)

// The size that a mapping did follow stays known until the mapping is seen to have followed the device: by it the
// guard tells a mapping that lags from one that somebody made short. A table that could not be read says nothing.
func TestTheSizeThatAMappingFollowedStaysKnown(t *testing.T) {
	b := newBench(t, "")
	path, _ := b.image("a", "luks2-unbound")
	file, err := luks.OpenDevice(path, luks.DeviceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	e, err := gather(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		mapping *verdict.Mapping
		kept    bool
	}{
		"lags":                 {&verdict.Mapping{Whole: true, Size: 512, Wanted: 1024}, true},
		"could not be read":    {&verdict.Mapping{}, true},
		"short by intent":      {&verdict.Mapping{Size: 512, Wanted: 1024}, true},
		"followed":             {&verdict.Mapping{Whole: true, Size: 1024, Wanted: 1024}, false},
		"longer than the room": {&verdict.Mapping{Size: 2048, Wanted: 1024}, false},
		"not mapped":           {nil, false},
	} {
		l := look{uuid: e.Choice.Copy.Header.UUID, hasHead: true}
		l.known.DeviceSize, l.known.DataSize = 1, 2
		l.sight.Evidence, l.sight.Mapping = e, c.mapping
		h, err := b.capture(l, file, time.Now())
		if err != nil || (h.DeviceSize == 1 && h.DataSize == 2) != c.kept {
			t.Errorf("%s: %d, %d, %v", name, h.DeviceSize, h.DataSize, err)
		}
	}
}
