# The program without Google's buildpacks, for any platform that runs containers:
# docs/containers.md. The release uses project.toml and cloudbuild.yaml instead;
# both build the same packages with the same Go.
FROM golang:1.26.8-bookworm AS build
WORKDIR /src
# Modules first: they change less often than the code. The client is a module of
# its own in this repository; without its go.mod, go cannot tell what it needs.
COPY go.mod go.sum ./
COPY client/go.mod client/go.sum client/
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags=-s -o /function ./cmd/function

# Certificates, time zones, a user that is not root; no shell.
FROM gcr.io/distroless/static-debian12:nonroot
LABEL org.opencontainers.image.title="coditect-licenses" \
      org.opencontainers.image.description="Floating licenses: one of four functions, which FUNCTION_TARGET names" \
      org.opencontainers.image.source="https://github.com/coditect-ai/coditect-licenses" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /function /function
EXPOSE 8080
USER nonroot:nonroot
ENTRYPOINT ["/function"]
