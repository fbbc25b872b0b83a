// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"errors"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

func TestNothingWasChangedIsSaidOnlyWhereNoStepWasBegun(t *testing.T) {
	cause := errors.New("broken")
	left := &luks.FarError{Place: far.Place{Body: luks2.Extent{Offset: 7 << 20}}, Err: cause}
	for name, c := range map[string]struct {
		err       error
		unchanged bool
		says      string
	}{
		"refused":           {far.ErrUnderWay, true, "under way"},
		"a step failed":     {&commit.StepError{What: "wipe it", Err: cause}, false, "wipe it: broken"},
		"a wipe failed":     {&commit.StepError{What: "wipe it", Err: left}, false, "at byte 7340032: broken"},
		"something is left": {errors.Join(left), false, "at byte 7340032: broken"},
	} {
		text := farError("v.img", false, c.err).Error()
		if strings.Contains(text, "Nothing was changed") != c.unchanged || !strings.Contains(text, c.says) {
			t.Errorf("%s: %s", name, text)
		}
	}
}
