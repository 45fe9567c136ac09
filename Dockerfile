# syntax=docker/dockerfile:1

# Two images: `weir`, for a ClickHouse server elsewhere, and `weir-with-engine`, which needs nothing else.
#   docker build --target weir -t weir .
#   docker build --target weir-with-engine -t weir:with-engine .
# What changes least comes first, so that a change of the code builds the code alone.

FROM node:20-bookworm-slim AS dashboard
WORKDIR /build/src/dashboard
COPY src/dashboard/package.json src/dashboard/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY src/dashboard ./
RUN npm run build

FROM node:20-bookworm-slim AS engine
WORKDIR /build/engine
COPY engine/package.json engine/package-lock.json engine/SHA256SUMS ./
# Held against the recorded hash, where there is one for the platform.
RUN npm ci --no-audit --no-fund \
    && if [ -d node_modules/@chdb/lib-linux-x64-gnu ]; then sha256sum --quiet --check SHA256SUMS; fi

FROM rust:1.95-slim-bookworm AS program
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
# The dependencies, for a program of nothing. Cargo wants every target of the manifest to be there.
RUN mkdir -p src tests/torture benches/ingest_vs_peer benches/queries \
    && touch src/lib.rs benches/ingest.rs \
    && for main in src tests/torture benches/ingest_vs_peer benches/queries; do \
        echo 'fn main() {}' > $main/main.rs; \
    done \
    && cargo build --release --locked --bin weir
COPY init-db.sql ./
COPY src src
COPY --from=dashboard /build/src/dashboard/dist src/dashboard/dist
# Cargo goes by the time of a file, and those copied may be older than the program of nothing.
RUN touch src/lib.rs src/main.rs \
    && cargo build --release --locked --bin weir \
    && strip target/release/weir \
    && mkdir /data

# The C library, certificates and users, and no shell.
FROM gcr.io/distroless/cc-debian12:nonroot AS weir
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Weir" \
    org.opencontainers.image.description="Self-hosted, real-time product analytics" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
COPY --from=program /build/target/release/weir /usr/local/bin/weir
# A new volume here belongs to the user below.
COPY --from=program --chown=65532:65532 --chmod=0700 /data /var/lib/weir
ENV WEIR_DATA_DIR=/var/lib/weir \
    WEIR_INGEST_ADDR=0.0.0.0:3001 \
    WEIR_DASHBOARD_ADDR=0.0.0.0:3000
USER 65532:65532
EXPOSE 3000 3001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=12s --start-period=60s CMD ["weir", "health"]
ENTRYPOINT ["weir"]
CMD ["serve"]

FROM weir AS weir-with-engine
COPY --from=engine /build/engine/node_modules/@chdb/*/libchdb.so /usr/local/lib/weir/libchdb.so
ENV WEIR_ENGINE_LIBRARY=/usr/local/lib/weir/libchdb.so
