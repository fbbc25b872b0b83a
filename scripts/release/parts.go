// SPDX-License-Identifier: Apache-2.0

package main

import (
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// A document is an SPDX 2.3 one (https://spdx.github.io/spdx-spec/v2.3), with the fields that are used here.
type document struct {
	Version   string         `json:"spdxVersion"`
	Licence   string         `json:"dataLicense"`
	ID        string         `json:"SPDXID"`
	Name      string         `json:"name"`
	Namespace string         `json:"documentNamespace"`
	Created   creation       `json:"creationInfo"`
	Packages  []component    `json:"packages"`
	Relations []relationship `json:"relationships"`
}

type creation struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

// A component is the program, a module in it, or Go's standard library.
type component struct {
	ID        string      `json:"SPDXID"`
	Name      string      `json:"name"`
	Version   string      `json:"versionInfo"`
	Location  string      `json:"downloadLocation"`
	Analyzed  bool        `json:"filesAnalyzed"`
	Concluded string      `json:"licenseConcluded"`
	Declared  string      `json:"licenseDeclared"`
	Copyright string      `json:"copyrightText"`
	Refs      []reference `json:"externalRefs"`
}

type reference struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type relationship struct {
	From string `json:"spdxElementId"`
	Kind string `json:"relationshipType"`
	To   string `json:"relatedSpdxElement"`
}

const (
	documentID = "SPDXRef-DOCUMENT"
	programID  = "SPDXRef-orthrus"
	module     = "github.com/orthrus-luks/orthrus"
)

// partsOf describes what is linked into a program, as the program itself says it. The name is that of the release.
func (a about) partsOf(program, name string) ([]byte, error) {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return nil, err
	}
	linked := []part{{standardLibrary, strings.TrimPrefix(info.GoVersion, "go")}}
	for _, m := range info.Deps {
		linked = append(linked, part{m.Path, m.Version})
	}
	d, err := a.document(name, linked)
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(d, "", "  ")
	return append(text, '\n'), err
}

// A part is a module and its version.
type part struct{ path, version string }

// document is the list of parts; a part whose licence is not known is an error.
func (a about) document(name string, linked []part) (document, error) {
	d := document{
		Version: "SPDX-2.3", Licence: "CC0-1.0", ID: documentID, Name: name,
		Namespace: "https://" + module + "/spdx/" + name + "-" + a.commit,
		Created:   creation{a.when.Format(time.RFC3339), []string{"Tool: orthrus-release"}},
		Packages:  []component{newComponent(programID, part{module, a.version}, "Apache-2.0")},
		Relations: []relationship{{documentID, "DESCRIBES", programID}},
	}
	for _, p := range linked {
		licence, known := licences[p.path]
		if !known {
			return d, fmt.Errorf("the licence of %s is not in scripts/release/licences.go and NOTICE", p.path)
		}
		id := "SPDXRef-" + strings.NewReplacer("/", "-", "_", "-").Replace(p.path)
		d.Packages = append(d.Packages, newComponent(id, p, licence))
		d.Relations = append(d.Relations, relationship{programID, "STATIC_LINK", id})
	}
	return d, nil
}

func newComponent(id string, p part, licence string) component {
	return component{
		ID: id, Name: p.path, Version: p.version, Location: "NOASSERTION", Concluded: licence, Declared: licence,
		Copyright: "NOASSERTION",
		Refs:      []reference{{"PACKAGE-MANAGER", "purl", "pkg:golang/" + p.path + "@" + p.version}},
	}
}
