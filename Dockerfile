# scanstage on a CPU, or on an NVIDIA GPU with `--gpus all` (NVIDIA's container toolkit brings the driver's libraries in).
#
#   docker build -t scanstage .
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/work" scanstage generate config.yaml
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/work" --gpus all scanstage generate config.yaml
#
# It runs as any user: nothing is written outside /work, the cache below and /tmp.
FROM python:3.11-slim-bookworm

# The packages of Debian's stable release: versions of their own would be gone with its next update.
# hadolint ignore=DL3008
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      libgl1 libegl1 libx11-6 libxext6 libxi6 libxfixes3 libxrender1 libxxf86vm1 libxkbcommon0 libsm6 libice6 libglib2.0-0 \
 && rm -rf /var/lib/apt/lists/*

COPY . /opt/scanstage
RUN pip install --no-cache-dir --disable-pip-version-check /opt/scanstage

# compute: CUDA and OptiX; graphics: EGL, for EEVEE, and OptiX's own libraries.
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,graphics,utility \
    SCANSTAGE_CACHE=/var/cache/scanstage \
    PYTHONUTF8=1
RUN mkdir -m 1777 /var/cache/scanstage

WORKDIR /work
ENTRYPOINT ["scanstage"]
CMD ["--help"]
