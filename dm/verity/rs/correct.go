// SPDX-License-Identifier: Apache-2.0

package rs

// Wrong is one wrong byte of a codeword: what to add to which column.
type Wrong struct {
	Column int
	By     byte
}

// poly is a polynomial over the field, lowest coefficient first.
type poly [MaxRoots + 1]byte

// Correct finds the wrong bytes of one codeword from its syndromes: e in erased columns, which are
// known to be suspect, and v elsewhere, as long as e + 2v is at most the number of roots. Columns from
// used up to the first parity column hold zeros by definition and cannot be wrong. It returns false
// where no codeword lies that near.
//
// Method: Berlekamp and Massey's, started from the erasures as Blahut describes (Theory and Practice of
// Error Control Codes, 1983), and Forney's formula for the values.
func (c *Code) Correct(syndromes []byte, erased []int, used int) ([]Wrong, bool) {
	if allZero(syndromes) {
		return nil, true
	}
	if len(erased) > c.roots {
		return nil, false
	}
	lambda, degree := c.locate(syndromes, erased)
	if 2*degree-len(erased) > c.roots {
		return nil, false
	}
	columns := c.search(&lambda, degree, used)
	if len(columns) != degree {
		return nil, false
	}
	wrong := c.values(&lambda, syndromes, columns)
	return wrong, c.explains(wrong, syndromes)
}

func allZero(p []byte) bool {
	for _, b := range p {
		if b != 0 {
			return false
		}
	}
	return true
}

// locate finds the polynomial whose zeros are the inverses of the wrong columns' locators.
func (c *Code) locate(syndromes []byte, erased []int) (lambda poly, degree int) {
	lambda[0] = 1
	for _, column := range erased {
		lambda.addShifted(lambda, locator(column))
	}
	helper := lambda
	degree = len(erased)
	for r := len(erased); r < c.roots; r++ {
		d := lambda.discrepancy(syndromes, r)
		if d == 0 {
			helper.shift()
			continue
		}
		next := lambda
		next.addShifted(helper, d)
		if 2*degree <= r+len(erased) {
			helper = lambda
			helper.scale(gf().div(1, d))
			degree = r + 1 + len(erased) - degree
		} else {
			helper.shift()
		}
		lambda = next
	}
	return lambda, degree
}

// addShifted adds c·x·q.
func (p *poly) addShifted(q poly, c byte) {
	for i := len(p) - 1; i > 0; i-- {
		p[i] ^= gf().mul(q[i-1], c)
	}
}

func (p *poly) shift() {
	copy(p[1:], p[:len(p)-1])
	p[0] = 0
}

func (p *poly) scale(c byte) {
	for i := range p {
		p[i] = gf().mul(p[i], c)
	}
}

func (p *poly) discrepancy(syndromes []byte, r int) byte {
	d := byte(0)
	for i := 0; i <= r; i++ {
		d ^= gf().mul(p[i], syndromes[r-i])
	}
	return d
}

func (p *poly) at(x byte) byte {
	v := byte(0)
	for i := len(p) - 1; i >= 0; i-- {
		v = gf().mul(v, x) ^ p[i]
	}
	return v
}

// search tries every column that may be wrong.
func (c *Code) search(lambda *poly, degree, used int) []int {
	var columns []int
	for column := range Columns {
		if column >= used && column < c.MessageColumns() {
			continue
		}
		if lambda.at(gf().div(1, locator(column))) == 0 {
			if columns = append(columns, column); len(columns) > degree {
				return columns
			}
		}
	}
	return columns
}

func (c *Code) values(lambda *poly, syndromes []byte, columns []int) []Wrong {
	var omega, derivative poly
	for i := range c.roots {
		omega[i] = lambda.discrepancy(syndromes, i)
	}
	for i := 1; i < len(lambda); i += 2 { // in characteristic 2 the even powers vanish
		derivative[i-1] = lambda[i]
	}
	wrong := make([]Wrong, 0, len(columns))
	for _, column := range columns {
		x := locator(column)
		inverse := gf().div(1, x)
		slope := derivative.at(inverse)
		if slope == 0 {
			return nil
		}
		wrong = append(wrong, Wrong{column, gf().mul(x, gf().div(omega.at(inverse), slope))})
	}
	return wrong
}

// explains tells whether the wrong bytes give just these syndromes.
func (c *Code) explains(wrong []Wrong, syndromes []byte) bool {
	for t := range c.roots {
		s := syndromes[t]
		for _, w := range wrong {
			s ^= gf().mul(w.By, power(locator(w.Column), t))
		}
		if s != 0 {
			return false
		}
	}
	return true
}
