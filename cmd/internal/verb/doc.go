// SPDX-License-Identifier: Apache-2.0

// Package verb carries out what the command line asks for.
package verb
