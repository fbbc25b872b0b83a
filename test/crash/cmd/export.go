// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/orthrus-luks/orthrus/test/crash"
)

// exporter writes every nth image to a folder, for other tools to open. The name of a file tells
// number, operation, fault and outcome.
type exporter struct {
	folder string
	nth    int

	mu   sync.Mutex
	seen int
	err  error
}

func (e *exporter) observe(operation, fault string, number int, state crash.State, v crash.Verdict) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.seen++; e.seen%e.nth != 0 || state.Image.Unreadable() {
		return
	}
	name := fmt.Sprintf("%s.%s.%d.%v.img", operation, fault, number, v.Outcome)
	name = strings.NewReplacer(" ", "-", ",", "").Replace(name)
	e.err = errors.Join(e.err, os.WriteFile(filepath.Join(e.folder, name), state.Image.Bytes(), 0o600))
}
