# The page for those who host it themselves, with the same two commands inside as anywhere: make install, make app.
#
#   docker build -t stellar-explorer .                          # --build-arg TORCH=cu126 for a GPU
#   docker run --rm -p 7860:7860 stellar-explorer               # --gpus all; -e ARGS="--mcp"
#   docker run ... -v stellar-cache:/stellar/.cache stellar-explorer    # keeps weights that were fetched from the hub
FROM python:3.12-slim

RUN apt-get update \
    && apt-get install --yes --no-install-recommends make \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --home-dir /stellar --shell /usr/sbin/nologin stellar \
    && install --directory --owner=stellar --group=stellar /stellar/.cache
USER stellar
WORKDIR /stellar

# What to install first, so that a change of the code does not install it anew. Which torch is uv's to know: PyPI's own
# for Linux brings three gigabytes of CUDA. make keeps the torch that is there.
COPY --chown=stellar Makefile requirements.txt requirements-test.txt constraints.txt ./
ARG TORCH=cpu
RUN python -m venv .venv \
    && .venv/bin/pip install --no-cache-dir uv \
    && .venv/bin/uv pip install --no-cache --python .venv/bin/python --torch-backend=${TORCH} -c constraints.txt \
        torch torchvision \
    && PIP_NO_CACHE_DIR=1 make install

COPY --chown=stellar app.py README.md LICENSE ./
COPY --chown=stellar assets/ assets/
COPY --chown=stellar photos/ photos/
COPY --chown=stellar model/ model/
COPY --chown=stellar index/ index/
COPY --chown=stellar stellar_explorer/ stellar_explorer/

ENV GRADIO_SERVER_NAME=0.0.0.0 GRADIO_SERVER_PORT=7860 PYTHONUNBUFFERED=1
EXPOSE 7860
# The first start analyses the first example, which takes a slow machine a while.
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s \
    CMD [".venv/bin/python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:7860/', timeout=8)"]
CMD ["make", "app"]
