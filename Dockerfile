# Both programs of Warren on a slim base: `docker run IMAGE downloader ...` or `docker run IMAGE producer ...`.
#
# No BuildKit feature is used (no RUN --mount, no heredoc), so that the classic builder makes the same image.

FROM rust:1-trixie AS build
WORKDIR /src

# The dependencies, in a layer of their own: it sees manifests and the lock file only, so it is built again when one of
# those changes and at no other time. Each member gets empty sources to stand in for its own. The tests and the
# benches' programs are members too, and --locked wants every member's manifest; their sources never get here, so a change
# of a test rebuilds nothing.
COPY Cargo.toml Cargo.lock ./
COPY common/Cargo.toml common/
COPY downloader/Cargo.toml downloader/
COPY producer/Cargo.toml producer/
COPY tests/Cargo.toml tests/
COPY benches/programs/Cargo.toml benches/programs/
RUN mkdir -p common/src downloader/src producer/src tests/harness tests/bin tests/e2e \
 && touch common/src/lib.rs downloader/src/lib.rs producer/src/lib.rs tests/harness/lib.rs \
 && for main in downloader/src/main.rs producer/src/main.rs tests/bin/downloader.rs tests/bin/producer.rs tests/e2e/main.rs; \
    do echo 'fn main() {}' > "$main"; done \
 && cargo build --release --locked --package warren-producer --package warren-downloader

# Our own sources. COPY keeps the files' times, which are older than the build of the stubs: without the touch, cargo would
# take the stubs for up to date and ship programs that do nothing.
COPY common common
COPY downloader downloader
COPY producer producer
RUN find common downloader producer -name '*.rs' -exec touch {} + \
 && cargo build --release --locked --package warren-producer --package warren-downloader


FROM debian:trixie-slim

LABEL org.opencontainers.image.title="Warren" \
      org.opencontainers.image.description="A distributed image crawler on RabbitMQ: producer and downloader" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"

# The slim base has no certificates. They come from the build stage, which needs them for its own downloads anyway, so
# this stage needs no network and no package lists.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt

# A fixed number, so that volumes and bind mounts can be prepared for it. A new named volume takes over the owner of the
# folder that it is mounted on.
RUN groupadd --gid 10001 warren \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin warren \
 && install -d -o warren -g warren /images /runs /spool

COPY --from=build /src/target/release/producer /src/target/release/downloader /usr/local/bin/

ENV WARREN_STORE=/images \
    WARREN_SPOOL=/spool \
    WARREN_RUNS=/runs
# By number: an orchestrator that insists on a user other than root cannot check a name.
USER 10001:10001
WORKDIR /
# What both programs drain on.
STOPSIGNAL SIGTERM
CMD ["downloader"]
