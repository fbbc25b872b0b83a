// SPDX-License-Identifier: Apache-2.0

// Package guarded is what verbs owe the guard: its store, its configuration and the keys it may use.
package guarded
