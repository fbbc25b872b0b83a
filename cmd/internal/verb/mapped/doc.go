// SPDX-License-Identifier: Apache-2.0

// Package mapped finds active mappings of volumes and gives them other tables.
package mapped
