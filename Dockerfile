# Builds and runs Patchbay: docker build -t patchbay .
FROM swift:6.3-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends librdkafka-dev libyaml-dev libsimdjson-dev libjq-dev liburing-dev \
       pkg-config python3 python3-pip \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# Dependencies first, so that a change of our own sources doesn't fetch them again.
COPY Package.swift ./
RUN swift package resolve
COPY . .
# Swagger UI for /docs and wasmtime for WebAssembly plugins, from pinned packages.
RUN Sources/CDocsAssets/fetch.sh && Sources/CPatchbayPlugin/fetch.sh \
    && mkdir -p /lib-out && cp Sources/CPatchbayPlugin/vendor/libwasmtime.so Sources/CPatchbayPlugin/vendor/wasmtime.LICENSE.txt /lib-out/
RUN swift build -c release --product patchbay --static-swift-stdlib \
    && swift build -c release --product patchbay-plugin-host --static-swift-stdlib \
    && for program in patchbay patchbay-plugin-host; do \
       install -D "$(swift build -c release --static-swift-stdlib --show-bin-path)/$program" "/out/$program"; done

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends librdkafka1 libyaml-0-2 libsimdjson14 libjq1 liburing2 ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin patchbay
COPY --from=build /out/ /usr/local/bin/
COPY --from=build /lib-out/ /usr/local/lib/patchbay/
# Mount a folder over /etc/patchbay rather than the single file: only then is a replaced file seen.
COPY routes.yaml /etc/patchbay/routes.yaml
# Needs no place to write to: run it with a read-only root.
USER 10001
# Wins over server.port of the routes file, so that the port is the one exposed here and asked by the health check.
ENV LOG_FORMAT=json PORT=8080
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s --retries=3 CMD ["patchbay", "health", "--live"]
# SIGTERM drains: see docs/architecture.md.
STOPSIGNAL SIGTERM
ENTRYPOINT ["patchbay"]
CMD ["serve", "--config", "/etc/patchbay/routes.yaml"]
