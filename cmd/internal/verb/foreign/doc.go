// SPDX-License-Identifier: Apache-2.0

// Package foreign has what verbs need of the formats of others, and the verbs that show them.
package foreign
