// SPDX-License-Identifier: Apache-2.0

// Package watch has the verb guard.
package watch
