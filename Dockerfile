# The product without the embedded stack: one image, its entry point is `augentis`.
FROM python:3.13-slim AS build
WORKDIR /src
RUN python -m venv /opt/augentis
ENV PATH=/opt/augentis/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements/bootstrap.txt requirements/runtime.txt requirements/
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes -r requirements/bootstrap.txt \
    && pip install --require-hashes -r requirements/runtime.txt
COPY . .
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
    && pip install --no-deps --no-index /dist/*.whl

FROM python:3.13-slim
COPY --from=build /opt/augentis /opt/augentis
RUN useradd --system --uid 10001 --user-group --no-create-home augentis \
    && install -d -o augentis -g augentis -m 0700 /var/lib/augentis
ENV PATH=/opt/augentis/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 AUGENTIS_HOME=/var/lib/augentis
USER 10001:10001
ENTRYPOINT ["augentis"]
CMD ["--help"]
