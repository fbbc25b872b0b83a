// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"fmt"
	"strings"
)

// The drawing's measures, in its own units.
const (
	svgWidth  = 960
	svgMargin = 20
	svgBar    = 60 // height of the bar
	svgRow    = 22 // height of a line of the legend
)

// SVG draws the regions as a bar with a legend. title stands on top.
func SVG(title string, regions []Region) string {
	var b strings.Builder
	height := 2*svgMargin + svgBar + 40 + svgRow*len(regions)
	fmt.Fprintf(&b,
		`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">`+"\n",
		svgWidth, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", svgWidth, height)
	fmt.Fprintf(&b, `<text x="%d" y="%d" font-size="16">%s</text>`+"\n", svgMargin, svgMargin+4,
		escaped(title))
	x := svgMargin
	for i, width := range share(regions, svgWidth-2*svgMargin) {
		r := regions[i]
		fmt.Fprintf(&b,
			`<rect x="%d" y="%d" width="%d" height="%d" fill="%s" stroke="#404040"><title>%s</title></rect>`+"\n",
			x, svgMargin+16, width, svgBar, colour(r), escaped(caption(r)))
		x += width
	}
	for i, r := range regions {
		y := svgMargin + svgBar + 40 + svgRow*i
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="14" height="14" fill="%s" stroke="#404040"/>`+"\n", svgMargin, y-11,
			colour(r))
		fmt.Fprintf(&b, `<text x="%d" y="%d">%s</text>`+"\n", svgMargin+24, y, escaped(caption(r)))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func caption(r Region) string {
	text := fmt.Sprintf("%s: %d bytes from byte %d", r.Name, r.Size, r.Offset)
	if r.Damaged {
		text += ", damaged " + r.Why
	}
	return strings.TrimSpace(text)
}

// colour is one that people who see colours differently can tell apart.
func colour(r Region) string {
	if r.Damaged {
		return "#d55e00"
	}
	switch r.Kind {
	case Head:
		return "#0072b2"
	case KeyslotArea:
		return "#e69f00"
	case Free:
		return "#f0e442"
	case Data:
		return "#009e73"
	case NewData:
		return "#56b4e9"
	case HotZone:
		return "#882255"
	case FarHeader:
		return "#cc79a7"
	}
	return "#dddddd"
}

// escaped is text as XML has it. Package html, which does the same, brings every name that HTML knows.
func escaped(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;").Replace(text)
}
