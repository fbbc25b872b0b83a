module github.com/orthrus-luks/orthrus

go 1.26.0

require (
	github.com/aead/serpent v0.0.0-20160714141033-fba169763ea6
	github.com/creack/pty v1.1.24
	github.com/jzelinskie/whirlpool v0.0.0-20201016144138-0675e54bb004
	github.com/rogpeppe/go-internal v1.16.0
	golang.org/x/crypto v0.58.0
	golang.org/x/sys v0.49.0
	pgregory.net/rapid v1.3.0
)

require golang.org/x/tools v0.26.0 // indirect
