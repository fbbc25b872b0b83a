// SPDX-License-Identifier: Apache-2.0

// Package size has the verbs that move what lies on a device: grow, shrink, header resize, and far.
package size
