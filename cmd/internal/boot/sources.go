// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"errors"
	"io/fs"
	"os"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/plan"
)

// sourcesOf lists the ways to a volume's key, people excepted. Those that answer at once are tried
// before anybody is asked; the others race with people.
func (e *engine) sourcesOf(t Target) (first, racing []Source) {
	o := t.Options
	if t.LUKS != nil {
		first = append(first, &keyringSource{target: t, cached: caches(t)})
		if o.TryEmpty {
			first = append(first, emptySource{})
		}
	}
	file := func(key plan.Key) Source {
		return &fileSource{engine: e, key: key, volume: t.Name, timeout: o.KeyFileTimeout.Or(e.plan.Policy.KeyTimeout)}
	}
	switch t.Key.Kind {
	case plan.KeyFile, plan.RawKey:
		if t.Key.Device.IsZero() {
			first = append(first, file(t.Key))
		} else {
			racing = append(racing, file(t.Key))
		}
	case plan.RandomKey:
		first = append(first, &randomSource{path: t.Key.Path})
	case plan.ScriptKey:
		if !isKeyctl(t) {
			first = append(first, &scriptSource{target: t, tries: e.triesOf(t)})
		}
	case plan.NoKey:
		for _, path := range usualKeyFiles(t.Name) {
			if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
				first = append(first, file(plan.Key{Kind: plan.KeyFile, Path: path, Offset: o.KeyFileOffset, Size: o.KeyFileSize, Erase: o.KeyFileErase}))
			}
		}
	}
	for _, make := range e.config.Sources {
		if s, ok := make(t); ok {
			racing = append(racing, s)
		}
	}
	return first, racing
}

// triesOf is how often people are asked for one volume.
func (e *engine) triesOf(t Target) int {
	if t.Options.Tries > 0 {
		return t.Options.Tries
	}
	return e.plan.Policy.Tries
}
