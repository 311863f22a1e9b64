# The service in an image of its own: nothing in it but Python, what requirements.lock names, and the project.
# It writes below /data and nowhere else, so the rest may be read-only; docs/howto/run-in-a-container.md says how.

FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements.lock ./
# Each file is compared with its hash; chirpstack-api comes as source only, so pip makes its wheel here.
RUN python -m pip wheel --use-pep517 --require-hashes --requirement requirements.lock --wheel-dir wheels
RUN python -m pip install --no-index --find-links wheels hatchling
COPY pyproject.toml LICENSE ./
COPY src src
COPY decoders decoders
RUN python -m pip wheel --no-deps --no-build-isolation --wheel-dir wheels .
# What installs and what builds stays behind: this environment has no pip, and takes only what the service imports.
RUN python -m venv --without-pip /opt/vdl_lora \
    && python -m pip --python /opt/vdl_lora/bin/python install --no-index --find-links wheels vdl_lora

FROM python:3.13-slim
ARG VERSION=""
ARG REVISION=""
LABEL org.opencontainers.image.title="vdl_lora" \
    org.opencontainers.image.description="Takes LoRaWAN events from ChirpStack into InfluxDB, each value once." \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="$VERSION" \
    org.opencontainers.image.revision="$REVISION" \
    org.opencontainers.image.base.name="docker.io/library/python:3.13-slim"
# The user is a number: Kubernetes wants one to see that it is not root, and nothing of ours asks for a name.
RUN python -m pip uninstall --yes --root-user-action=ignore pip \
    && install -d -m 0755 /etc/vdl-lora \
    && install -d -m 0700 -o 10001 -g 10001 /data
COPY --from=build /opt/vdl_lora /opt/vdl_lora
ENV PATH=/opt/vdl_lora/bin:$PATH \
    HOME=/data \
    TMPDIR=/data \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    VDL_LORA_JOURNAL__PATH=/data/journal.sqlite \
    VDL_LORA_STORE__PATH=/data/points.sqlite
# vdl-lora.toml is found here; relative paths in it, such as those of decoders and installations, begin here.
WORKDIR /etc/vdl-lora
USER 10001:10001
VOLUME /data
STOPSIGNAL SIGTERM
# There is no curl here. Not by urllib: it would ask a proxy that the environment names.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-c", "from http.client import HTTPConnection; door = HTTPConnection('127.0.0.1', 8091, timeout=4); door.request('GET', '/healthz'); raise SystemExit(door.getresponse().status != 200)"]
ENTRYPOINT ["vdl-lora"]
CMD ["run"]
