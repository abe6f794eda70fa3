# syntax=docker/dockerfile:1

# This file serves those who run the action from a branch. A release is built by
# .ci/release, and its action.yml names the finished image by digest. The base
# images are named by tag; both are arguments, so that whoever wants a pin names
# golang@sha256:… and busybox@sha256:…, and a machine without a registry names
# what it has.
ARG GO_IMAGE=golang:1.26-alpine
ARG BUSYBOX_IMAGE=busybox:1.37-musl

FROM ${GO_IMAGE} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY main.go ./
COPY internal ./internal
# One binary under two names: the name it is called by tells the post step from
# main, because GitHub gives both the same arguments. AWS' endpoints and GitHub's
# token endpoint answer over HTTP/1.1: without HTTP/2 the binary is half a
# megabyte smaller. Nor need code that waits for the network be inlined; the
# standard library, which compresses and hashes, still is.
RUN mkdir -p /out/etc/ssl/certs \
	&& CGO_ENABLED=0 go build -tags nethttpomithttp2 -trimpath -ldflags "-s -w" \
		-gcflags "github.com/...=-l" -o /out/lambda-rollout . \
	&& ln -s lambda-rollout /out/rollback \
	&& cp /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/

# For runners that need a shell in the image: GitLab, and GitHub's runners in
# Kubernetes, which call tail, sh, mv and rm.
FROM ${BUSYBOX_IMAGE} AS busybox
COPY --from=build /out/ /
ENTRYPOINT ["/lambda-rollout"]

# The container runs as root: GitHub mounts its folders for root, and an action
# that names a USER cannot write its outputs. There is nothing in it but the
# binary and the certificates of the public authorities.
FROM scratch
COPY --from=build /out/ /
ENTRYPOINT ["/lambda-rollout"]
