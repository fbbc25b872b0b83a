// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/cmdline"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/crypttab"
	"github.com/orthrus-luks/orthrus/dm/target"
)

// Request is what a plan is made of.
type Request struct {
	Crypttab  []byte           // contents of the file, may be nil
	Veritytab []byte           // likewise
	Settings  cmdline.Settings // of the kernel's command line
	// Names restricts the plan to these mappings, which may then be marked noauto; nil for all.
	Names []string
	// Taken are names of mappings that are there already; they are left out.
	Taken []string
}

// Make plans. What cannot be used is told in Notes.
func Make(r Request) Plan {
	b := builder{request: r, settings: r.Settings}
	b.plan.Policy = policyOf(r.Settings)
	b.plan.Initrd = r.Settings.Initrd
	b.plan.Keymap, b.plan.Consoles = r.Settings.Keymap, r.Settings.Consoles
	b.verified()
	if b.plan.Disabled = r.Settings.Disabled; b.plan.Disabled {
		b.note("the command line says that no volume is to be unlocked")
		return b.plan
	}
	for _, p := range r.Settings.Problems {
		b.note("%v", p)
	}
	if !r.Settings.NoCrypttab {
		b.crypttab()
	}
	b.commandLine()
	b.choose()
	b.markRoot()
	return b.plan
}

func policyOf(s cmdline.Settings) Policy {
	p := Policy{
		OnFailure: Ending(s.OnFailure), Twins: Twins(s.Twins), Tries: s.Tries,
		DeviceTimeout: s.DeviceTimeout.Or(DefaultDeviceTimeout), KeyTimeout: s.KeyTimeout, Degraded: s.Degraded,
	}
	if s.Ciphers != "" {
		p.Ciphers = strings.Fields(s.Ciphers)
	}
	if p.OnFailure == "" {
		p.OnFailure = Exit
	}
	if p.Twins == "" {
		p.Twins = RefuseTwins
	}
	if p.Tries == 0 {
		p.Tries = DefaultTries
	}
	// Whoever mounts a root of several disks without one of them says so.
	if slices.Contains(strings.Split(s.RootFlags, ","), "degraded") {
		p.Degraded = true
	}
	return p
}

// builder is a plan in the making.
type builder struct {
	request  Request
	settings cmdline.Settings
	plan     Plan
	images   []string // names of all that dm-verity could map
}

func (b *builder) note(format string, args ...any) {
	b.plan.Notes = append(b.plan.Notes, fmt.Sprintf(format, args...))
}

func (b *builder) crypttab() {
	entries, problems := crypttab.Parse(b.request.Crypttab)
	for _, p := range problems {
		b.note("crypttab line %d: %v", p.Line, p)
	}
	for _, e := range entries {
		from := fmt.Sprintf("crypttab line %d", e.Line)
		for _, p := range e.Options.Problems {
			b.note("%s: %v", from, p)
		}
		if v, wanted := b.entry(from, e); wanted {
			b.add(v)
		}
	}
}

// entry makes a volume of a line, as the command line amends it.
func (b *builder) entry(from string, e crypttab.Entry) (Volume, bool) {
	device := ParseReference(e.Device)
	if b.settings.Only != nil && !b.only(e.Name, device) {
		return Volume{}, false
	}
	v := Volume{Name: e.Name, From: from, Device: device, Options: e.Options, Written: e.Written}
	key := e.Key
	if said := b.about(e.Name, device); said != nil {
		if said.Options != "" {
			v.Options, v.Written = b.options(said.From, said.Options), said.Options
		}
		if said.Key != "" {
			key = said.Key
		}
		if said.Header != "" {
			v.Options.Header = said.Header
		}
	}
	b.complete(&v, key)
	return v, true
}

// only tells that the command line lists the entry's uuid, or the beginning of it.
func (b *builder) only(name string, device Reference) bool {
	return slices.ContainsFunc(b.settings.Only, func(uuid string) bool { return means(uuid, name, device) })
}

// means tells that a uuid, or its beginning, is that of an entry: by its device, or by the name that
// systemd and dracut give a mapping by default.
func means(uuid, name string, device Reference) bool {
	ofDevice := ""
	if device.Kind == UUID {
		ofDevice = strings.ToLower(device.Value)
	}
	ofName, named := strings.CutPrefix(strings.ToLower(name), "luks-")
	return strings.HasPrefix(ofDevice, uuid) || named && strings.HasPrefix(ofName, uuid)
}

// about is what the command line says of the volume of that entry; nil for nothing.
func (b *builder) about(name string, device Reference) *cmdline.Volume {
	for i, v := range b.settings.Volumes {
		if v.UUID != "" && means(v.UUID, name, device) || v.UUID == "" && ParseReference(v.Device).Same(device) {
			return &b.settings.Volumes[i]
		}
	}
	return nil
}

// commandLine adds the volumes that only the command line names; one of the same name replaces the
// crypttab's, and one of the same device is the same.
func (b *builder) commandLine() {
	for _, said := range b.settings.Volumes {
		if !said.Listed || said.UUID != "" && b.hasUUID(said.UUID) {
			continue
		}
		v := b.listed(said)
		if strings.ContainsAny(v.Name, "/\x00") || v.Name == "." || v.Name == ".." {
			b.note("%s: %q cannot be the name of a mapping", v.From, v.Name)
			continue
		}
		b.add(v)
	}
}

func (b *builder) add(v Volume) {
	for i := range b.plan.Volumes {
		if o := &b.plan.Volumes[i]; o.Name == v.Name && !o.Device.Same(v.Device) {
			b.note("%s replaces %s (%s)", v.From, o.From, v.Name)
			b.plan.Volumes = slices.Delete(b.plan.Volumes, i, i+1)
			break
		}
	}
	for i := range b.plan.Volumes {
		if o := &b.plan.Volumes[i]; o.Device.Same(v.Device) && o.Options.Offset == v.Options.Offset {
			b.merge(o, v)
			return
		}
	}
	b.plan.Volumes = append(b.plan.Volumes, v)
}

// merge: one volume under two names gets one mapping, by the name that the root is mounted by.
func (b *builder) merge(o *Volume, v Volume) {
	if v.Name == o.Name {
		b.note("%s replaces %s (%s)", v.From, o.From, v.Name)
		*o = v
		return
	}
	b.note("%s and %s name one volume, %v: it is opened once", o.From, v.From, v.Device)
	if b.isRoot(v.Name) {
		v.Also = append(o.Also, o.Name)
		if v.Key.Kind == NoKey {
			v.Key = o.Key
		}
		*o = v
		return
	}
	o.Also = append(o.Also, v.Name)
}

func (b *builder) hasUUID(uuid string) bool {
	return slices.ContainsFunc(b.plan.Volumes, func(v Volume) bool { return means(uuid, v.Name, v.Device) })
}

// listed makes a volume of what the command line says alone.
func (b *builder) listed(said cmdline.Volume) Volume {
	options, key := said.Options, said.Key
	if options == "" {
		options = b.settings.Options
	}
	if key == "" {
		key = b.settings.Key
	}
	v := Volume{Name: said.Name, From: said.From, Options: b.options(said.From, options)}
	v.Device = ParseReference(said.Device)
	if said.UUID != "" {
		v.Device = ofUUID(said.UUID)
	}
	if said.Data != "" {
		v.Header = Place{Device: v.Device}
		v.Device = ParseReference(said.Data)
	}
	if said.Header != "" {
		v.Options.Header = said.Header
	}
	if v.Name == "" {
		v.Name, v.Unnamed = defaultName(said), v.Device.Kind == Beginning
	}
	b.complete(&v, key)
	return v
}

// defaultName is "luks-" and the uuid, as systemd and dracut have it.
func defaultName(said cmdline.Volume) string {
	if said.UUID != "" {
		return "luks-" + said.UUID
	}
	device := ParseReference(said.Device)
	return "luks-" + strings.ReplaceAll(strings.TrimPrefix(device.Value, "/dev/"), "/", "-")
}

func (b *builder) options(from, text string) crypttab.Options {
	o := crypttab.ParseOptions(text)
	for _, p := range o.Problems {
		b.note("%s: %v", from, p)
	}
	return o
}

// complete fills in what follows from the options.
func (b *builder) complete(v *Volume, key string) {
	o := &v.Options
	if o.Header != "" {
		path, device := splitDevice(o.Header)
		v.Header = headerPlace(path, device)
	}
	v.Key = parseKey(key, o.KeyScript)
	if v.Key.Kind == KeyFile || v.Key.Kind == RawKey {
		v.Key.Offset += o.KeyFileOffset
		if o.KeyFileSize != 0 {
			v.Key.Size = o.KeyFileSize
		}
		v.Key.Erase = o.KeyFileErase
	}
	if b.discards(v) {
		o.Flags |= target.AllowDiscards
	}
	if b.settings.Timeout.Set && !o.Timeout.Set {
		o.Timeout = b.settings.Timeout
	}
	v.Required = !o.NoFail && !(b.settings.Initrd && forOneBoot(v))
}

// forOneBoot: swap space and temporary file systems with a key that is made up hold no root.
func forOneBoot(v *Volume) bool {
	return v.Options.Type == crypttab.Swap || v.Options.Type == crypttab.Tmp || v.Key.Kind == RandomKey
}

// headerPlace: a header is on a device, or in a file here or on a device.
func headerPlace(path, device string) Place {
	if device != "" {
		return Place{Path: path, Device: ParseReference(device)}
	}
	if r := ParseReference(path); r.Kind != Path || strings.HasPrefix(path, "/dev/") {
		return Place{Device: r}
	}
	return Place{Path: path}
}

func (b *builder) discards(v *Volume) bool {
	named := v.Device.Kind == UUID && slices.Contains(b.settings.Discards, strings.ToLower(v.Device.Value))
	return b.settings.AllDiscards || named
}
