// SPDX-License-Identifier: Apache-2.0

// Package inspect judges a LUKS volume without changing it: Read gathers what the device shows,
// Judge turns that into a Report, Picture and SVG draw where what lies. It opens nothing and takes
// no lock, and what it reads through has no way to write.
//
// Offsets and sizes are in bytes.
package inspect
