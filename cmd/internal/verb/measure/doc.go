// SPDX-License-Identifier: Apache-2.0

// Package measure has the verb benchmark.
package measure
