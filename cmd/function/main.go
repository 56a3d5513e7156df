// Command function is the deployed program: the same main that Google Cloud's
// Go buildpack generates around the module root. Tests and plain containers
// use it; the buildpack makes its own.
//
// FUNCTION_TARGET says which of the seven functions the process is, PORT where
// it listens (8080 without it).
package main

import (
	"log"
	"os"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"

	_ "github.com/coditect-ai/coditect-licenses"
)

func main() {
	port := "8080"
	if p := os.Getenv("PORT"); p != "" {
		port = p
	}
	if err := funcframework.Start(port); err != nil {
		log.Fatalf("funcframework.Start: %v\n", err)
	}
}
