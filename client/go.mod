module github.com/coditect-ai/coditect-licenses/client

go 1.26.0

require github.com/go-jose/go-jose/v4 v4.1.8
