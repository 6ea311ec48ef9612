"""The whole deployment in containers where no registry of images can be reached: `python -m tests.deploy.stand_ins`.

`bases` makes stand-ins for the official base images from Debian's packages and from wheels, and builds our images from
them by deploy/Dockerfile. `composed` starts docker-compose.yml with Compose on Podman's socket. `story` is what happens
then. It needs root, podman, runc, netavark, aardvark-dns, catatonit, debootstrap and docker-compose.
"""
