// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"testing"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/crypttab"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/plan"
)

func TestTokensSpeakToPeopleAndKnowTheirOptions(t *testing.T) {
	var said []Event
	e := &engine{config: Config{Report: func(e Event) string { said = append(said, e); return "" }}}
	v := plan.Volume{Name: "root", Options: crypttab.ParseOptions("tpm2-device=auto")}
	help := e.newTask(v).tokenHelp()
	help.Say("touch the key")
	if len(said) != 1 || said[0].Kind != Note || said[0].Volume != "root" || said[0].Text != "touch the key" {
		t.Errorf("%+v", said)
	}
	if value, given := help.Option("tpm2-device"); value != "auto" || !given {
		t.Errorf("%q, %v", value, given)
	}
	if _, given := help.Option("fido2-device"); given {
		t.Error("an option that nobody gave")
	}
}
