// SPDX-License-Identifier: Apache-2.0

// Package survey has the verb that looks over all devices: list.
package survey
