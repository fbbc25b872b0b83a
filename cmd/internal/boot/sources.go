// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/crypttab"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/plan"
	"github.com/orthrus-luks/orthrus/luks/open"
	"github.com/orthrus-luks/orthrus/luks/token"
)

// How long a source holds up those behind it, people at last, before it is left to race beside them.
const (
	atOnce = 2 * time.Second // for what is at hand
	soon   = 5 * time.Second // for what may have to be read
)

// sourcesOf lists the ways to a volume's key. Those that answer at once are tried before anybody is
// asked, unless they take too long; the others race with people.
func (t *task) sourcesOf(v Target) []open.Entry {
	if t.far != nil && v.Options.Far == crypttab.FarAsk {
		return []open.Entry{{Source: asking{t.people, t}}}
	}
	var all []open.Entry
	for _, make := range t.config.Sources {
		if s, ok := make(v); ok {
			all = append(all, open.Entry{Source: s})
		}
	}
	if v.LUKS != nil {
		all = append(all, open.Tokens(v.LUKS, t.tokenHelp())...)
		if cached := caches(v); len(cached) > 0 {
			all = append(all, open.Entry{Source: cacheSource{cached}, Lead: atOnce})
		}
		if v.Options.TryEmpty {
			all = append(all, open.Entry{Source: emptySource(), Lead: atOnce})
		}
	}
	all = append(all, t.namedSources(v)...)
	return append(all, open.Entry{Source: asking{t.people, t}})
}

// tokenPatience is how long a token's device is waited for where token-timeout= says nothing else. Nobody waits for it
// who has another key.
const tokenPatience = 30 * time.Second

// tokenHelp is what the handlers of tokens may use here. There is no Ask: people have one question at a time,
// the passphrase's, whose answer is tried as a PIN as well.
func (t *task) tokenHelp() token.Help {
	patience := tokenPatience
	if text, given := t.target.Options.KeptValue("token-timeout"); given {
		if limit, ok := crypttab.ParseSpan(text); ok {
			patience = limit
		}
		if patience == 0 { // for ever
			patience = math.MaxInt64
		}
	}
	return token.Help{
		Patience: patience, Network: t.target.Options.Network,
		Say:    func(text string) { t.report(Event{Kind: Note, Volume: t.target.Name, Text: text}) },
		Option: t.target.Options.KeptValue,
	}
}

// namedSources are those of the key that the plan names, or of the places where keys usually are. A
// script talks to people itself, so nobody else does before it has ended.
func (t *task) namedSources(v Target) (all []open.Entry) {
	switch key := v.Key; key.Kind {
	case plan.KeyFile, plan.RawKey:
		if key.Device.IsZero() {
			return []open.Entry{{Source: t.file(v, key), Lead: soon}}
		}
		return []open.Entry{{Source: t.file(v, key)}}
	case plan.RandomKey:
		return []open.Entry{{Source: randomSource(key.Path), Lead: open.Alone}}
	case plan.ScriptKey:
		if !isKeyctl(v) {
			script := &scriptSource{target: v, tries: t.triesOf(v)}
			return []open.Entry{{Source: script, Lead: open.Alone, Limit: v.Options.KeyFileTimeout.V}}
		}
	case plan.NoKey:
		for _, path := range usualKeyFiles(v.Name) {
			if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
				all = append(all, open.Entry{Source: t.file(v, usualKey(path, v)), Lead: soon})
			}
		}
	}
	return all
}

func (t *task) file(v Target, key plan.Key) open.Source {
	timeout := v.Options.KeyFileTimeout.Or(t.plan.Policy.KeyTimeout)
	return &fileSource{engine: t.engine, key: key, volume: v.Name, timeout: timeout}
}

func usualKey(path string, v Target) plan.Key {
	o := v.Options
	return plan.Key{Kind: plan.KeyFile, Path: path, Offset: o.KeyFileOffset, Size: o.KeyFileSize, Erase: o.KeyFileErase}
}

// triesOf is how often people are asked for one volume.
func (e *engine) triesOf(t Target) int {
	if t.Options.Tries > 0 {
		return t.Options.Tries
	}
	return e.plan.Policy.Tries
}
