module github.com/orthrus-luks/orthrus/test/referee

go 1.26.0

require (
	github.com/anatol/devmapper.go v0.0.0-20260315162726-c47dfb6cf674
	github.com/orthrus-luks/orthrus v0.0.0
	github.com/pilebones/go-udev v0.9.2
	golang.org/x/sys v0.49.0
)

require golang.org/x/crypto v0.58.0 // indirect

replace github.com/orthrus-luks/orthrus => ../..
