#!/bin/sh
# Loads the compilers into a private folder, $GPU_COMPILERS or ~/.cache/gpu-compilers (1.1 GB): Debian sid's Mesa with drm-shims for
# GPUs of AMD and NVIDIA, and NVIDIA's nvrtc and ptxas with Slang from PyPI. Nothing is installed. On Debian or Ubuntu, amd64.
#
# sh setup.sh          those
# sh setup.sh intel    then the shim for Intel's GPUs, which Debian has no package of: built from trixie's Mesa, 2 minutes. Needs
#                      gcc g++ python3-venv pkg-config xz-utils bison flex libdrm-dev libexpat1-dev zlib1g-dev
set -e
base=${GPU_COMPILERS:-$HOME/.cache/gpu-compilers}
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}

# apt with lists and caches of its own: private_apt FOLDER TYPE SUITE, then $apt.
private_apt() {
    mkdir -p "$1" && cd "$1" && mkdir -p state/lists/partial cache/archives/partial etc && touch state/status
    echo "$2 [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $3 main" > etc/sources.list
    apt="apt-get -o Dir::Etc::sourcelist=$PWD/etc/sources.list -o Dir::Etc::sourceparts=/dev/null -o Dir::State=$PWD/state
        -o Dir::State::status=$PWD/state/status -o Dir::Cache=$PWD/cache -o APT::Architecture=amd64 -o Debug::NoLocking=1
        -o APT::Sandbox::User=root"
    $apt update
}

if [ "$1" = intel ]; then
    private_apt "$base/intel" deb-src trixie
    $apt source --download-only mesa
    mkdir -p mesa && tar xf mesa_*.orig.tar.xz -C mesa --strip-components=1
    python3 -m venv venv && venv/bin/pip install -q meson ninja mako pyyaml packaging
    PATH=$PWD/venv/bin:$PATH
    meson setup build mesa --buildtype=release -Dtools=intel,drm-shim -Dgallium-drivers= -Dvulkan-drivers= -Dplatforms= \
        -Dglx=disabled -Degl=disabled -Dgbm=disabled -Dllvm=disabled -Dopengl=false -Dzstd=disabled -Dvalgrind=disabled \
        -Dlibunwind=disabled
    ninja -C build src/intel/tools/libintel_noop_drm_shim.so
    install -D build/src/intel/tools/libintel_noop_drm_shim.so "$base/sid/usr/lib/x86_64-linux-gnu/libintel_noop_drm_shim.so"
    exit
fi

private_apt "$base/apt" deb sid
$apt -y --download-only --no-install-recommends install mesa-vulkan-drivers libvulkan1 mesa-drm-shim libdrm-intel1 libgcc-s1
mkdir -p "$base/sid" && for package in cache/archives/*.deb; do dpkg -x "$package" "$base/sid"; done
mkdir -p "$base/nvidia" && cd "$base/nvidia"
python3 -m pip download --no-deps -q slangtorch nvidia-cuda-nvcc-cu12 nvidia-cuda-nvrtc-cu12 nvidia-cuda-nvdisasm
for wheel in *.whl; do python3 -m zipfile -e "$wheel" .; done
chmod -R u+x slangtorch/bin nvidia/*/bin
