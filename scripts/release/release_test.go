// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// linkedModules are those that the program consists of, with a folder of each.
func linkedModules(t *testing.T) map[string]string {
	t.Helper()
	const each = `{{with .Module}}{{if not .Main}}{{.Path}} {{$.Dir}}{{end}}{{end}}`
	out, err := exec.Command("go", "list", "-deps", "-f", each, "../../cmd/orthrus").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	found := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if path, dir, cut := strings.Cut(strings.TrimSpace(line), " "); cut {
			found[path] = dir
		}
	}
	return found
}

// licenceOf reads the licence above a folder of a module.
func licenceOf(t *testing.T, dir string) string {
	t.Helper()
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if text, err := os.ReadFile(filepath.Join(dir, "LICENSE")); err == nil {
			return string(text)
		}
	}
	t.Fatal("no licence")
	return ""
}

func words(text string) string { return strings.Join(strings.Fields(text), " ") }

func TestNoticeHasTheLicenceOfEveryModuleThatIsLinked(t *testing.T) {
	notice, err := os.ReadFile("../../NOTICE")
	if err != nil {
		t.Fatal(err)
	}
	modules := linkedModules(t)
	for path, dir := range modules {
		if licences[path] == "" {
			t.Errorf("%s is linked, and licences does not have it", path)
		}
		if !strings.Contains(string(notice), path) || !strings.Contains(words(string(notice)), words(licenceOf(t, dir))) {
			t.Errorf("NOTICE lacks %s or its licence", path)
		}
	}
	for path := range licences {
		if modules[path] == "" && path != standardLibrary {
			t.Errorf("licences has %s, which is not linked", path)
		}
	}
}

// tree makes a folder with a program, a document and a link, of the time given.
func tree(t *testing.T, when time.Time, mode os.FileMode) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "orthrus-1")
	must(t, os.MkdirAll(filepath.Join(folder, "bin"), 0o700))
	must(t, os.WriteFile(filepath.Join(folder, "b.md"), []byte("text"), mode))
	must(t, os.WriteFile(filepath.Join(folder, "bin/a"), []byte("#!"), mode|0o100))
	must(t, os.Symlink("a", filepath.Join(folder, "bin/link")))
	must(t, os.Chtimes(filepath.Join(folder, "b.md"), when, when))
	return folder
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestPackedFoldersDependOnNothingButWhatTheyHold(t *testing.T) {
	when := time.Unix(1700000000, 0)
	var packed []string
	for _, folder := range []string{tree(t, when, 0o600), tree(t, when.Add(time.Hour), 0o664)} {
		file := folder + ".tar.gz"
		must(t, pack(folder, file, when))
		text, err := os.ReadFile(file)
		must(t, err)
		packed = append(packed, string(text))
	}
	if packed[0] != packed[1] {
		t.Error("two tarballs of one content differ")
	}
	var names []string
	for _, h := range headers(t, packed[0]) {
		names = append(names, h.Name)
		executable := strings.HasSuffix(h.Name, "/") || h.Name == "orthrus-1/bin/a"
		if h.Typeflag != tar.TypeSymlink && (h.Mode == 0o755) != executable || !h.ModTime.Equal(when) || h.Uid != 0 {
			t.Errorf("%+v", h)
		}
	}
	want := []string{"orthrus-1/", "orthrus-1/b.md", "orthrus-1/bin/", "orthrus-1/bin/a", "orthrus-1/bin/link"}
	if !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
}

func headers(t *testing.T, packed string) (list []*tar.Header) {
	t.Helper()
	zipped, err := gzip.NewReader(strings.NewReader(packed))
	must(t, err)
	for r := tar.NewReader(zipped); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return list
		}
		must(t, err)
		list = append(list, h)
	}
}

func TestThePartsOfAProgramAreThoseInIt(t *testing.T) {
	a := about{version: "1.2.3", commit: "0123456789ab", when: time.Unix(1700000000, 0).UTC()}
	d, err := a.document("orthrus-1.2.3-linux-amd64", []part{{standardLibrary, "1.26.0"}, {"golang.org/x/sys", "v0.49.0"}})
	must(t, err)
	text, err := json.Marshal(d)
	must(t, err)
	for _, want := range []string{
		`"spdxVersion":"SPDX-2.3"`, `"created":"2023-11-14T22:13:20Z"`, `"SPDXID":"SPDXRef-golang.org-x-sys"`,
		`"pkg:golang/golang.org/x/sys@v0.49.0"`, `"relationshipType":"STATIC_LINK"`,
		`"documentNamespace":"https://github.com/orthrus-luks/orthrus/spdx/orthrus-1.2.3-linux-amd64-0123456789ab"`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	if _, err := a.document("x", []part{{"example.org/unknown", "v1.0.0"}}); err == nil {
		t.Error("a part of an unknown licence is let through")
	}
}

func TestThePartsOfThisVeryProgramAreRead(t *testing.T) {
	self, err := os.Executable()
	must(t, err)
	text, err := about{version: "1"}.partsOf(self, "self")
	must(t, err)
	if !strings.Contains(string(text), `"name": "std"`) {
		t.Errorf("%s", text)
	}
}

func TestSumsAreThoseOfSha256sum(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "orthrus-b"), []byte("b"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "orthrus-a"), []byte("a"), 0o600))
	must(t, writeSums(dir))
	c := exec.Command("sha256sum", "--strict", "-c", "SHA256SUMS")
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil || string(out) != "orthrus-a: OK\northrus-b: OK\n" {
		t.Errorf("%v: %s", err, out)
	}
}
