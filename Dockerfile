# The web app, then the binary, then nothing else.
FROM node:20.20.2-bookworm-slim AS web
WORKDIR /src/web
COPY web/package.json web/package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY web ./
RUN npm run build

FROM golang:1.26.8-bookworm AS binary
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
COPY --from=web /src/web/dist ./web/dist
ARG VERSION=container
RUN CGO_ENABLED=0 go build -trimpath -tags nomsgpack -ldflags "-s -w -X main.version=${VERSION}" -o /topout ./cmd/topout \
 && mkdir -p /data

FROM scratch
COPY --from=binary /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=binary /topout /topout
COPY --from=binary --chown=65532:65532 /data /data
USER 65532:65532
VOLUME /data
EXPOSE 8080 1883
ENV TOPOUT_DATA=/data TOPOUT_HTTP=:8080 TOPOUT_MQTT_LISTEN=:1883
ENTRYPOINT ["/topout"]
CMD ["serve"]
