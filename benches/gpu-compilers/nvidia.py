#!/usr/bin/env python3
"""nvidia.py DIR ARCH [PART...]: compiles the kernels below DIR by NVIDIA's ptxas for ARCH (90 for an H100, 89, 86, 75 ...).

From the .hlsl that gpu-compilers left beside each kernel, by Slang to CUDA, by nvrtc to PTX. Prints the registers; leaves
KERNEL.sm_ARCH.sass, for loops.py and model.py. A stand-in for NVIDIA's Vulkan driver: the same back end behind another front."""
import ctypes
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

BASE = Path(os.environ.get("GPU_COMPILERS", Path.home() / ".cache/gpu-compilers")) / "nvidia"
SLANGC = BASE / "slangtorch/bin/slangc"
NVRTC, PTXAS, NVDISASM = (next(iter(BASE.glob(f"nvidia/**/{name}")), None) for name in ("libnvrtc.so.12", "ptxas", "nvdisasm"))


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{command[0]}: {done.stderr[:2000]}")
    return done


def vectors(cuda):
    """Slang makes four loads and stores of words from each of 16 bytes; Vulkan's compilers know that a vec4f is aligned."""
    cuda = re.sub(r"\n#line \d+[^\n]*", "", cuda)
    buffers = r"((?:\s*(?:RW)?ByteAddressBuffer [^;]*;)*)"
    source = r"(\((?:[^()]|\([^()]*\))*\))"
    word = lambda n: buffers + rf"\s*uint (_S\d+) = \((?:[^()]|\([^()]*\))*\)\.Load<uint >\((?:_S\d+) \+ {n}U\);"
    load = re.compile(rf"uint (_S\d+) = {source}\.Load<uint >\((_S\d+)\);" + "".join(map(word, (4, 8, 12))))

    def loaded(m):
        first, buffer, at = m[1], m[2], m[3]
        parts = zip((first, m[5], m[7], m[9]), "xyzw")
        names = "".join(f" uint {name} = {first}_v.{part};" for name, part in parts)
        return f"uint4 {first}_v = {buffer}.Load<uint4 >({at});{names}"

    cuda = load.sub(loaded, cuda)
    after = lambda n, c: buffers + rf"\s*\S+\.Store\(\2 \+ {n}U,\3\.{c}\);"
    store = re.compile(r"(\S+)\.Store\((_S\d+),(_S\d+)\.x\);" + "".join(after(n, c) for n, c in ((4, "y"), (8, "z"), (12, "w"))))
    cuda = store.sub(lambda m: f"{m[1]}.Store<uint4>({m[2]}, {m[3]});", cuda)
    cuda = cuda.replace("memcpy(&data, ((const char*)this->data) + index, sizeof(T));", "data = *(const T*)(((const char*)this->data) + index);")
    return cuda.replace("memcpy((char*)data + index, &value, sizeof(T));", "*(T*)((char*)data + index) = value;")


def ptx(cuda, arch):
    lib = ctypes.CDLL(str(NVRTC))
    program, size = ctypes.c_void_p(), ctypes.c_size_t()
    lib.nvrtcCreateProgram(ctypes.byref(program), cuda.encode(), b"kernel.cu", 0, None, None)
    # Vulkan's rules for f32 are as loose.
    options = [f"-arch=compute_{arch}", "-use_fast_math", "-std=c++17", "-default-device", "-w"]
    failed = lib.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*(o.encode() for o in options)))
    get = ("ProgramLog" if failed else "PTX")
    getattr(lib, f"nvrtcGet{get}Size")(program, ctypes.byref(size))
    text = ctypes.create_string_buffer(size.value)
    getattr(lib, f"nvrtcGet{get}")(program, text)
    if failed:
        raise SystemExit(text.value.decode()[:2000])
    return text.value


def main(folder, arch, parts):
    for hlsl in sorted(Path(folder).rglob("*.hlsl")):
        if parts and not any(part in str(hlsl) for part in parts):
            continue
        with tempfile.TemporaryDirectory() as work:
            work = Path(work)
            run(SLANGC, hlsl, "-lang", "hlsl", "-target", "cuda", "-entry", "main", "-stage", "compute", "-o", work / "kernel.cu")
            lanes = re.search(r"numthreads\((\d+)", hlsl.read_text())[1]
            cuda = vectors((work / "kernel.cu").read_text())
            cuda = cuda.replace('extern "C" __global__ void', f'extern "C" __global__ void __launch_bounds__({lanes})')
            (work / "kernel.ptx").write_bytes(ptx(cuda, arch))
            said = run(PTXAS, "-v", f"-arch=sm_{arch}", work / "kernel.ptx", "-o", work / "kernel.cubin").stderr
            sass = run(NVDISASM, "-c", work / "kernel.cubin").stdout
        hlsl.with_suffix(f".sm_{arch}.sass").write_text(sass)
        registers = re.search(r"Used (\d+) registers", said)[1]
        spilled = re.search(r"(\d+) bytes spill stores", said)[1]
        print(f"{hlsl.with_suffix('')} | sm_{arch} | {lanes} lanes a workgroup | registers={registers} | spilled bytes={spilled}")


main(sys.argv[1], sys.argv[2], sys.argv[3:])
