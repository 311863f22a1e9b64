# The service in an image of its own: nothing in it but Python, what requirements.lock names, and the project.

FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/vdl_lora
WORKDIR /build
COPY requirements.lock ./
RUN /opt/vdl_lora/bin/python -m pip install --require-hashes --requirement requirements.lock
COPY pyproject.toml LICENSE ./
COPY src src
COPY decoders decoders
RUN /opt/vdl_lora/bin/python -m pip install --no-deps --no-build-isolation .

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/vdl_lora --create-home vdl_lora
COPY --from=build /opt/vdl_lora /opt/vdl_lora
ENV PATH=/opt/vdl_lora/bin:$PATH PYTHONUNBUFFERED=1
USER vdl_lora
# The journal and the embedded store are written below this folder: mount a volume here.
WORKDIR /var/lib/vdl_lora
VOLUME /var/lib/vdl_lora
ENTRYPOINT ["vdl-lora"]
CMD ["--help"]
