// SPDX-License-Identifier: Apache-2.0

package arch

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/test/part"
	"github.com/orthrus-luks/orthrus/udev"
)

// functions are the listed ones of the packages that others call first.
var functions = map[string]any{
	"luks.At": luks.At, "luks.Format": luks.Format, "luks.FromView": luks.FromView, "luks.HealDevice": luks.HealDevice,
	"luks.Inspect": luks.Inspect, "luks.Load": luks.Load, "luks.LoadExamined": luks.LoadExamined, "luks.LookFar": luks.LookFar,
	"luks.NewOpening": luks.NewOpening, "luks.Open": luks.Open, "luks.OpenDevice": luks.OpenDevice,
	"luks.Overlaps": luks.Overlaps, "luks.WriteBackup": luks.WriteBackup, "luks.WriteTags": luks.WriteTags,

	"dm.Mangle": dm.Mangle, "dm.MangleUUID": dm.MangleUUID, "dm.Open": dm.Open, "dm.ParseNumber": dm.ParseNumber,
	"dm.Path": dm.Path, "dm.Unmangle": dm.Unmangle,

	"udev.Listen": udev.Listen, "udev.NewUUID": udev.NewUUID, "udev.ParseKernel": udev.ParseKernel, "udev.ParseUdev": udev.ParseUdev,

	"dm/block.Above": block.Above, "dm/block.AttachLoop": block.AttachLoop, "dm/block.Attribute": block.Attribute,
	"dm/block.Devices": block.Devices, "dm/block.EncodeLinkName": block.EncodeLinkName, "dm/block.Holders": block.Holders,
	"dm/block.LoopBacking": block.LoopBacking, "dm/block.Node": block.Node, "dm/block.Now": block.Now,
	"dm/block.Open": block.Open, "dm/block.OpenLoop": block.OpenLoop, "dm/block.ReadAttribute": block.ReadAttribute,
	"dm/block.Resolve": block.Resolve, "dm/block.StackOn": block.StackOn, "dm/block.SyncDirectory": block.SyncDirectory,

	"dm/secret.Copy": secret.Copy, "dm/secret.From": secret.From, "dm/secret.Harden": secret.Harden, "dm/secret.New": secret.New,
	"dm/secret.ReadFull": secret.ReadFull, "dm/secret.Wipe": secret.Wipe,

	"luks/kdf.CPUsOnline": kdf.CPUsOnline, "luks/kdf.Calibrate": kdf.Calibrate, "luks/kdf.CreationLimits": kdf.CreationLimits,
	"luks/kdf.FreeMemory": kdf.FreeMemory, "luks/kdf.MeasurePBKDF2": kdf.MeasurePBKDF2, "luks/kdf.MemoryLimit": kdf.MemoryLimit,
	"luks/kdf.OpeningLimits": kdf.OpeningLimits, "luks/kdf.Wait": kdf.Wait,
}

// zero are the listed types that have methods and whose zero value is of use.
var zero = []any{
	&luks.Mapping{}, &luks.OpenOptions{}, &luks.Volume{}, &dm.Info{}, &dm.Number{}, &dm.Table{}, new(udev.Action),
	&udev.Event{}, &udev.Properties{}, new(udev.Source), &udev.System{}, &block.Face{}, new(block.HolderKind), &block.Lock{},
	new(block.LockDirectory), &block.Loop{}, &block.Stack{}, &kdf.Limits{}, &kdf.Params{},
	&luks.Opening{}, &luks.Key{}, &secret.Buffer{}, &dm.Control{}, &luks.Plaintext{},
}

// nils are pointers that functions return beside an error, or that a struct of others may have.
var nils = []any{
	(*luks.Volume)(nil), (*luks.Mapping)(nil), (*secret.Buffer)(nil), (*dm.Control)(nil),
	(*block.Lock)(nil),
}

// made are values of the types that functions make, from an image file with a volume; nil where this machine makes none.
var made = map[string]func(t *testing.T, image string) any{
	"luks.File": func(t *testing.T, image string) any { return must(t)(luks.OpenDevice(image, luks.DeviceOptions{})) },
	"luks.Opening": func(t *testing.T, image string) any {
		return must(t)(luks.Inspect(t.Context(), luks.Request{Header: image}))
	},
	"dm/block.Device":  func(t *testing.T, image string) any { return must(t)(block.Open(image, 0)) },
	"dm/secret.Buffer": func(t *testing.T, _ string) any { return must(t)(secret.New(8)) },
	"udev.Monitor":     func(t *testing.T, _ string) any { return must(t)(udev.Listen(udev.Options{})) },
	"dm.Control": func(*testing.T, string) any {
		if c, err := dm.Open(); err == nil {
			return c
		}
		return nil
	},
}

// must gives the first of two results where the second is no error.
func must(t *testing.T) func(value any, err error) any {
	t.Helper()
	return func(value any, err error) any {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

var (
	listedPackage  = regexp.MustCompile(`^package (\S+)$`)
	listedFunction = regexp.MustCompile(`^func (\w+)\(`)
	listedMethod   = regexp.MustCompile(`^func \(\w+ \*?([A-Z]\w*)\) `)
)

// TestNothingIsAnErrorAndNoPanic calls what is listed with zero values, with nil, with what is empty and with negative
// numbers, without a context, and with a device that is a nil pointer; on zero values, on nil pointers, on what functions
// make, and on a volume of either version. What is listed and not called fails it. Errors are left out: nobody makes them.
func TestNothingIsAnErrorAndNoPanic(t *testing.T) {
	calls, called := 0, map[string]bool{}
	methods := func(name string, of reflect.Type, make func() any) {
		called[strings.TrimPrefix(of.String(), "*")] = true
		for i := range of.NumMethod() {
			if of.Method(i).Name == "Format" { // which package fmt calls
				continue
			}
			calls += callEach(t, name+"."+of.Method(i).Name, func() reflect.Value { return reflect.ValueOf(make()).Method(i) })
		}
	}
	for name, function := range functions {
		calls += callEach(t, name, func() reflect.Value { return reflect.ValueOf(function) })
	}
	for _, value := range zero {
		of := reflect.TypeOf(value)
		methods(of.String(), of, func() any { return reflect.New(of.Elem()).Interface() })
	}
	for _, value := range nils {
		of := reflect.TypeOf(value)
		methods("nil "+of.String(), of, func() any { return reflect.Zero(of).Interface() })
	}
	methods("opening of nothing", reflect.TypeFor[*luks.Opening](), func() any { return luks.NewOpening(nil, luks.Request{}) })
	image := filepath.Join(t.TempDir(), "disk.img")
	volume(t, 2)
	if err := os.WriteFile(image, images[2], 0o600); err != nil {
		t.Fatal(err)
	}
	for name, make := range made {
		value := make(t, image)
		if value == nil {
			part.Note(t, "methods of "+name+", for lack of the kernel's part,", 0, 1)
			called[path.Base(name)] = true
			continue
		}
		finish(reflect.ValueOf(value))
		methods(name, reflect.TypeOf(value), func() any { return make(t, image) })
	}
	for _, version := range []int{1, 2} {
		methods(fmt.Sprint("LUKS", version), reflect.TypeFor[*luks.Volume](), func() any { return volume(t, version) })
	}
	notCalled(t, called)
	t.Logf("%d calls", calls)
}

// notCalled names what is listed and was not called.
func notCalled(t *testing.T, called map[string]bool) {
	t.Helper()
	within := map[string]bool{"luks": true, "dm": true, "udev": true, "dm/block": true, "dm/secret": true, "luks/kdf": true}
	pkg := ""
	for _, line := range listed(t) {
		if m := listedPackage.FindStringSubmatch(line); m != nil {
			pkg = m[1]
		}
		if m := listedFunction.FindStringSubmatch(line); m != nil && within[pkg] && functions[pkg+"."+m[1]] == nil {
			t.Errorf("%s.%s is called by nothing here", pkg, m[1])
		}
		m := listedMethod.FindStringSubmatch(line)
		if m != nil && within[pkg] && !strings.HasSuffix(m[1], "Error") && !called[path.Base(pkg)+"."+m[1]] {
			t.Errorf("methods of %s.%s are called by nothing here", pkg, m[1])
		}
	}
}

// volume is one in memory, made once for each version.
func volume(t *testing.T, version int) *luks.Volume {
	t.Helper()
	if images[version] == nil {
		m := memory(make([]byte, 20<<20))
		_, err := luks.Format(t.Context(), m, []byte("x"), luks.FormatOptions{
			Version: version, Keyslot: luks.NewKeyslot{KDF: cheap}, DigestIterations: 1000,
		})
		if err != nil {
			t.Fatal(err)
		}
		images[version] = m
	}
	v, err := luks.Load(t.Context(), append(memory{}, images[version]...))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

var images = map[int]memory{}

// memory is a device.
type memory []byte

func (m memory) Size() int64                              { return int64(len(m)) }
func (m memory) Sync() error                              { return nil }
func (m memory) WriteAt(p []byte, off int64) (int, error) { return copy(m[off:], p), nil }

func (m memory) ReadAt(p []byte, off int64) (int, error) { return bytes.NewReader(m).ReadAt(p, off) }

// callEach calls a function with arguments of each kind.
func callEach(t *testing.T, name string, function func() reflect.Value) (calls int) {
	t.Helper()
	for kind, fill := range map[string]func(reflect.Type) reflect.Value{
		"nothing": reflect.Zero, "empty": empty, "negative": negative, "a pointer to nothing": pointless,
	} {
		for _, bare := range []bool{false, true} {
			call(t, name+" of "+kind, function(), fill, bare)
			calls++
		}
	}
	return calls
}

// call calls a function, bare without a context.
func call(t *testing.T, name string, function reflect.Value, fill func(reflect.Type) reflect.Value, bare bool) {
	t.Helper()
	if bare {
		name += " without a context"
	}
	defer func() {
		if r := recover(); r != nil {
			t.Errorf("%s: %v\n%s", name, r, firstLines(debug.Stack()))
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	var args []reflect.Value
	kind := function.Type()
	for i := range kind.NumIn() {
		switch in := kind.In(i); {
		case in == reflect.TypeFor[context.Context]() && !bare:
			args = append(args, reflect.ValueOf(ctx))
		case kind.IsVariadic() && i == kind.NumIn()-1:
		default:
			args = append(args, fill(in))
		}
	}
	for _, out := range function.Call(args) {
		finish(out)
	}
}

// finish walks over what is a sequence, and closes what was opened.
func finish(out reflect.Value) {
	if out.Kind() == reflect.Func && !out.IsNil() && out.Type().CanSeq2() {
		for range out.Seq2() {
			break
		}
	}
	if c, ok := out.Interface().(interface{ Close() error }); ok && (out.Kind() != reflect.Pointer || !out.IsNil()) {
		_ = c.Close()
	}
}

// empty is what is not nil and has nothing in it.
func empty(of reflect.Type) reflect.Value {
	switch of.Kind() {
	case reflect.Pointer:
		return reflect.New(of.Elem())
	case reflect.Slice:
		return reflect.MakeSlice(of, 0, 0)
	case reflect.Map:
		return reflect.MakeMap(of)
	}
	return reflect.Zero(of)
}

// pointless is a device, or a key, that somebody forgot to make; of the rest what a volume of costs that are known takes.
func pointless(of reflect.Type) reflect.Value {
	switch {
	case of == reflect.TypeFor[luks.Device]():
		return reflect.ValueOf((*luks.File)(nil))
	case of == reflect.TypeFor[luks.FormatOptions]():
		return reflect.ValueOf(luks.FormatOptions{Keyslot: luks.NewKeyslot{KDF: cheap}, DigestIterations: 1000})
	case of == reflect.TypeFor[luks.NewKeyslot]():
		return reflect.ValueOf(luks.NewKeyslot{KDF: cheap})
	case of == reflect.TypeFor[*luks.Key]():
		return reflect.ValueOf(&luks.Key{Buffer: &secret.Buffer{}})
	case of == reflect.TypeFor[[]byte]():
		return reflect.ValueOf([]byte("x"))
	}
	return reflect.Zero(of)
}

var cheap = kdf.Params{Type: kdf.PBKDF2, Hash: "sha256", Iterations: 1000}

// negative is a number below zero, also within a struct.
func negative(of reflect.Type) reflect.Value {
	v := reflect.New(of).Elem()
	switch {
	case v.CanInt():
		v.SetInt(-1)
	case v.CanUint():
		v.SetUint(1<<(8*of.Size()) - 1)
	case of.Kind() == reflect.Pointer && of.Elem().Kind() == reflect.Struct:
		v.Set(reflect.New(of.Elem()))
		v.Elem().Set(negative(of.Elem()))
	case of.Kind() == reflect.Struct:
		for i := range of.NumField() {
			if v.Field(i).CanSet() && of.Field(i).Type.Kind() != reflect.Pointer {
				v.Field(i).Set(negative(of.Field(i).Type))
			}
		}
	}
	return v
}

// firstLines are those of a stack that say where.
func firstLines(stack []byte) string {
	own := regexp.MustCompile(`(?m)^\t.*/(luks|dm|udev)/.*$`)
	for _, line := range own.FindAllString(string(stack), 4) {
		stack = append(stack[:0:0], line...)
		return string(stack)
	}
	return string(stack)
}

func listed(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("testdata/api.txt")
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`\n`).Split(string(text), -1)
}
