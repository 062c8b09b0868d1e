# Both programs, each an image of its own: `docker build --target collector .`, `docker build --target notifier .`
# Nothing of a configuration and no secret is in them: `.dockerignore` lets only the sources in.

ARG RUST=1.95.0
ARG DEBIAN=bookworm

FROM rust:${RUST}-slim-${DEBIAN} AS build
WORKDIR /src
COPY . .
# The builder keeps what was downloaded and compiled, so that a change of ours compiles ours alone. It keeps both outside of
# any layer, and that is why the programs are copied out in the same step.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin pillarbox-collector --bin pillarbox-notifier \
    && install -D -t /out target/release/pillarbox-collector target/release/pillarbox-notifier

FROM debian:${DEBIAN}-slim AS runtime
# Whom to trust, and what time it is in Berlin.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates tzdata \
    && rm -rf /var/lib/apt/lists/*
LABEL org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0 OR MIT"
# Nobody. A collector that shall read a master's socket runs as who owns it: `--user`, or `SALT_USER` of the compose file.
USER 65532:65532
# Both finish what is in hand. No HEALTHCHECK: whether and where a program shows its health is said by `http` in its
# configuration, which is not in here; who writes the one writes the other, as docker-compose.yml does.
STOPSIGNAL SIGTERM

FROM runtime AS collector
LABEL org.opencontainers.image.title="pillarbox-collector" \
      org.opencontainers.image.description="Turns the event bus of a Salt master into job events on NATS JetStream"
COPY --from=build /out/pillarbox-collector /usr/local/bin/
ENTRYPOINT ["pillarbox-collector"]
CMD ["run"]

FROM runtime AS notifier
LABEL org.opencontainers.image.title="pillarbox-notifier" \
      org.opencontainers.image.description="Tells people in Slack and by e-mail what Salt did"
COPY --from=build /out/pillarbox-notifier /usr/local/bin/
ENTRYPOINT ["pillarbox-notifier"]
CMD ["run"]
