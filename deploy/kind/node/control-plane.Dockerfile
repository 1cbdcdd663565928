# One image for etcd and for Kubernetes' own pods, each of which names its program.
ARG DEBIAN_IMAGE
FROM ${DEBIAN_IMAGE}
# What kube-proxy calls.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends conntrack iptables kmod \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /usr/share/doc/* /usr/share/man/* /usr/share/locale/*
COPY . /usr/local/bin/
