module github.com/orthrus-luks/orthrus

go 1.26.0

require (
	github.com/aead/serpent v0.0.0-20160714141033-fba169763ea6 // indirect
	github.com/creack/pty v1.1.24 // indirect
	github.com/jzelinskie/whirlpool v0.0.0-20201016144138-0675e54bb004 // indirect
	github.com/rogpeppe/go-internal v1.16.0 // indirect
	github.com/spf13/pflag v1.1.0 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/term v0.47.0 // indirect
	pgregory.net/rapid v1.3.0 // indirect
)
