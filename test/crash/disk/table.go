// SPDX-License-Identifier: Apache-2.0

package disk

import "slices"

// table has every sector of a device, on pages which it shares with the tables it was made from. It is
// never changed: a draft is.
type table []*page

// pageLength is the number of sectors on a page.
const pageLength = 64

type page [pageLength]*Sector

func (t table) at(number int64) *Sector { return t[number/pageLength][number%pageLength] }

// draft returns a table to be changed.
func (t table) draft() draft { return draft{slices.Clone(t), make([]bool, len(t))} }

// draft is a table in the making. A page that it shares is copied before it is changed.
type draft struct {
	table
	own []bool
}

// set puts a sector in its place, at the table's end at most.
func (d *draft) set(number int64, s *Sector) {
	at := number / pageLength
	switch {
	case at == int64(len(d.table)):
		d.table, d.own = append(d.table, &page{}), append(d.own, true)
	case !d.own[at]:
		p := *d.table[at]
		d.table[at], d.own[at] = &p, true
	}
	d.table[at][number%pageLength] = s
}

// lay puts the sectors of a run in their places.
func (d *draft) lay(r Run) {
	for i, s := range r.Sectors {
		if s != nil {
			d.set(r.First+int64(i), s)
		}
	}
}
