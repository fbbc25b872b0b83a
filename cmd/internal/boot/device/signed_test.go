// SPDX-License-Identifier: Apache-2.0

package device

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/plan"
)

func TestSignaturePartitionsAnswerToTheHashThatTheySign(t *testing.T) {
	i := Identity{Signs: "usr:00ff"}
	for value, want := range map[string]bool{
		"usr:": true, "usr:00": true, "usr:00ff": true, ":00": true, ":": true, "root:": false, "usr:01": false,
	} {
		if got := i.Answers(plan.Reference{Kind: plan.Signature, Value: value}); got != want {
			t.Errorf("%s: %v", value, got)
		}
	}
	other := Identity{Node: "/dev/vda1"}
	if other.Answers(plan.Reference{Kind: plan.Signature, Value: ":"}) {
		t.Error("a partition that signs nothing answers")
	}
}

func TestWhatAPartitionSignsIsReadWhereItsTypeIsOfSignatures(t *testing.T) {
	node := filepath.Join(t.TempDir(), "vda3")
	if err := os.WriteFile(node, append([]byte(`{"rootHash":"00FF","signature":"AQID"}`), 0, 0), 0o600); err != nil {
		t.Fatal(err)
	}
	for kind, usage := range signatureTypes[runtime.GOARCH] {
		if got := signed(node, kind); got != usage+":00ff" {
			t.Errorf("%s: %q", kind, got)
		}
	}
	if got := signed(node, "0fc63daf-8483-4772-8e79-3d69d8477de4"); got != "" {
		t.Errorf("of another type: %q", got)
	}
	if err := os.WriteFile(node, []byte("no signature"), 0o600); err != nil {
		t.Fatal(err)
	}
	for kind := range signatureTypes[runtime.GOARCH] {
		if got := signed(node, kind); got != "" {
			t.Errorf("garbage: %q", got)
		}
	}
}
