module github.com/coditect-ai/coditect-licenses/cmd/licensectl

go 1.26.0

require (
	github.com/alecthomas/kong v1.17.0
	github.com/coditect-ai/coditect-licenses/client v0.0.0
	github.com/google/uuid v1.6.0
	github.com/rogpeppe/go-internal v1.16.0
	go.yaml.in/yaml/v3 v3.0.6
	golang.org/x/term v0.46.0
)

require (
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/tools v0.51.0 // indirect
)

replace github.com/coditect-ai/coditect-licenses/client => ../../client
