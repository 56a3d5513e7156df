# The program without Google's buildpacks, for any platform that runs containers:
# docs/containers.md. The release uses project.toml and cloudbuild.yaml instead;
# both build the same packages with the same Go.
#
# Images by version and digest (scripts/pin-images.sh): the patch release that the
# tests run with, and the current static base of Debian 12.
FROM golang:1.26.8-bookworm@sha256:a688600ca24f8a4d3ca77f95b0dd40704a9fc787c826660eb7ba0b641b8b175d AS build
WORKDIR /src
# Modules first: they change less often than the code. The client is a module of
# its own in this repository; without its go.mod, go cannot tell what it needs.
COPY go.mod go.sum ./
COPY client/go.mod client/go.sum client/
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags=-s -o /function ./cmd/function

# Certificates, time zones, a user that is not root; no shell.
FROM gcr.io/distroless/static-debian12:nonroot@sha256:afa5c872c891853ca7fcf1f12c3edb23f7eeef36189728842dd51042ff57f7ab
LABEL org.opencontainers.image.title="coditect-licenses" \
      org.opencontainers.image.description="Floating licenses: one of seven functions, which FUNCTION_TARGET names" \
      org.opencontainers.image.source="https://github.com/coditect-ai/coditect-licenses" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /function /function
EXPOSE 8080
USER nonroot:nonroot
ENTRYPOINT ["/function"]
