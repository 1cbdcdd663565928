# One image for each command: docker build --build-arg PACKAGE=orderflow --tag orderflow:0.1.0 .
#
#   PACKAGE       orderflow (the services) or orderflow-operator
#   PYTHON_IMAGE  the base of both stages; name it by digest (...@sha256:...) where builds must be repeatable
#   CA_CERT       certificate (PEM) to trust while building, behind a proxy of your own; it stays out of the image
#   VERSION, REVISION   for the labels
#
# Builds with BuildKit and without it. What is inside, as a bill of materials:
#   uv export --frozen --no-dev --all-extras --package orderflow --format cyclonedx1.5
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
ARG CA_CERT=""
RUN if [ -n "${CA_CERT}" ]; then \
        printf '%s\n' "${CA_CERT}" > /usr/local/share/ca-certificates/build.crt && update-ca-certificates; \
    fi
ARG UV_VERSION=0.13.9
RUN python3 -m pip install --quiet --no-cache-dir --root-user-action=ignore --break-system-packages uv==${UV_VERSION}
ENV UV_PROJECT_ENVIRONMENT=/opt/orderflow \
    UV_PYTHON_DOWNLOADS=never \
    UV_SYSTEM_CERTS=true \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1
WORKDIR /build
# Dependencies before sources: they change less often.
COPY pyproject.toml uv.lock ./
COPY services/pyproject.toml services/
COPY lag/pyproject.toml lag/
COPY process/pyproject.toml process/
COPY operator/pyproject.toml operator/
COPY local/pyproject.toml local/
ARG PACKAGE
RUN test -n "${PACKAGE}" || { echo "name the package: --build-arg PACKAGE=orderflow or orderflow-operator"; exit 1; }
RUN uv sync --frozen --no-dev --all-extras --package "${PACKAGE}" --no-install-workspace
COPY services/src services/src
COPY lag/src lag/src
COPY process/src process/src
COPY operator/src operator/src
RUN uv sync --frozen --no-dev --all-extras --package "${PACKAGE}" --no-editable

FROM ${PYTHON_IMAGE}
ARG PACKAGE
ARG VERSION=0.1.0
ARG REVISION=""
LABEL org.opencontainers.image.title="${PACKAGE}" \
      org.opencontainers.image.description="Orderflow: orders on Apache Kafka, exactly once" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/orderflow /opt/orderflow
# Nothing is written but to /tmp; a number as user, so that Kubernetes can see that it is not root.
# Two allocation arenas: each further one keeps memory for threads that are not there any more.
ENV PATH=/opt/orderflow/bin:${PATH} \
    HOME=/tmp \
    MALLOC_ARENA_MAX=2 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONSAFEPATH=1
USER 10001:10001
WORKDIR /
CMD ["python", "-c", "print('Run orderflow run orders, payments or notifications, or orderflow-operator run.')"]
