# The worker's image: one stage builds the wheel, one installs it, the last keeps what was installed.
#
# PyTorch's CPU wheel is looked for in wheels/ beside this file, or on the page named by
# `--build-arg PIP_FIND_LINKS=...`; without it the build stops before anything large is downloaded.
# Every step is a script of scripts/container, so that tests can run what is run here. No step needs BuildKit.

FROM rust:1.95-bookworm AS rust

FROM python:3.11-bookworm AS builder
COPY --from=rust /usr/local/cargo /usr/local/cargo
COPY --from=rust /usr/local/rustup /usr/local/rustup
ENV CARGO_HOME=/usr/local/cargo RUSTUP_HOME=/usr/local/rustup
ENV PATH=/opt/builder/bin:/usr/local/cargo/bin:/usr/local/bin:/usr/bin:/bin
WORKDIR /src
COPY requirements.lock ./
COPY scripts/container scripts/container
RUN scripts/container/install_builder.sh /opt/builder
COPY Cargo.toml Cargo.lock pyproject.toml README.md LICENSE ./
COPY .cargo/config.toml .cargo/config.toml
COPY rust rust
COPY python python
RUN scripts/container/build_wheel.sh /dist

FROM python:3.11-slim-bookworm AS installer
ARG PIP_FIND_LINKS=wheels
ENV PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY requirements.lock ./
COPY scripts/container scripts/container
# The lock makes the step valid where there is no wheels/.
COPY requirements.lock wheels* wheels/
COPY --from=builder /dist /dist
RUN scripts/container/install_runtime.sh /dist /opt/ktrdr

FROM python:3.11-slim-bookworm
COPY scripts/container /opt/container
RUN /opt/container/create_user.sh 10001 /data
COPY --from=installer /opt/ktrdr /opt/ktrdr
ENV PATH=/opt/ktrdr/bin:/usr/local/bin:/usr/bin:/bin
ENV HOME=/tmp KTRDR_DATA_DIR=/data PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["/opt/container/healthcheck.py", "http://127.0.0.1:8000/health"]
ENTRYPOINT ["/opt/container/entrypoint.sh"]
