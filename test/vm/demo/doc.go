// SPDX-License-Identifier: Apache-2.0

// Demo boots a virtual machine with a real kernel and shows there, command by
// command, what Orthrus is for. What it runs is the table in script.go; it ends
// with status 1 as soon as a command does not do what the table says.
package main
