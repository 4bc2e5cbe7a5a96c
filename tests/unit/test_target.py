"""Target files: the shipped ones are sound, and a wrong one is refused in a sentence."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tvmedge import resources
from tvmedge.device import picolibc
from tvmedge.errors import InputError
from tvmedge.targeting import (
    TargetSpec,
    host_cores,
    host_cpu,
    host_facts,
    host_features,
    load_target_file,
    missing_features,
    tables,
    target,
    target_names,
)
from tvmedge.targeting.core import FAR_BYTES, FUSED, core_of
from tvmedge.targeting.files import File
from tvmedge.targeting.types import Family

PROMISED = [
    "cortex-m55",
    "cortex-m7",
    "hexagon-v65",
    "hexagon-v66",
    "hexagon-v67",
    "hexagon-v68",
    "hexagon-v68-emulated",
    "hexagon-v69",
    "hexagon-v69-emulated",
    "hexagon-v73",
    "hexagon-v73-emulated",
    "hexagon-v75",
    "hexagon-v75-emulated",
    "host",
    "host-opencl",
    "jetson-orin",
    "mali-g31",
    "mali-g52",
    "mali-g57",
    "mali-g610",
    "mali-g710",
    "mali-g715",
    "mali-g720",
    "mali-g76",
    "mali-g78",
    "mali-t860",
    "pixel-8",
    "raspberry-pi-2",
    "raspberry-pi-3b",
    "raspberry-pi-4b",
    "raspberry-pi-5",
    "rk3588",
    "robotics-rb3-gen-2-hexagon",
    "robotics-rb3-hexagon",
    "robotics-rb5-hexagon",
    "snapdragon-8-gen-1-hexagon",
    "snapdragon-8-gen-2-hexagon",
    "snapdragon-8-gen-3",
    "snapdragon-8-gen-3-hexagon",
    "snapdragon-845-hexagon",
    "snapdragon-855-hexagon",
    "snapdragon-865-hexagon",
    "snapdragon-888-hexagon",
]
MALI = [name for name in PROMISED if name.startswith("mali-")]
SHARED = sorted(
    file.name.removesuffix(".toml")
    for file in (resources.targets_root() / "arm_cpu" / "shared").iterdir()
    if file.name.startswith("cortex-")
)

BOARD = """
inherit = "aarch64-linux"
summary = "A board"
[target]
mcpu = "cortex-a72"
[board]
cores = 4
[board.clusters.cortex-a72]
count = 4
[board.sources]
cores = "its manual"
"clusters.cortex-a72.count" = "its manual"
[emulator]
cpu = "cortex-a72"
"""


def write(folder: Path, text: str, name: str = "board") -> Path:
    file = folder / f"{name}.toml"
    file.write_text(text, encoding="utf-8")
    return file


def refusal(file: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_target_file(file)
    message = str(caught.value)
    assert str(file) in message
    assert "\n" not in message
    return message


def test_the_promised_targets_are_there_and_shared_files_are_not_targets() -> None:
    assert set(PROMISED) <= set(target_names())
    assert list(target_names()) == sorted(target_names())
    assert not set(SHARED) & set(target_names())


@pytest.mark.parametrize("name", target_names())
def test_shipped_target(name: str) -> None:
    spec = target(name)
    assert spec.name == name
    assert spec.tvm["kind"] == "llvm"
    assert spec.tvm["num-cores"] == spec.board.cores
    assert all(source.strip() for source in spec.board.sources.values())
    assert "clusters" in " ".join(spec.board.sources)
    assert len(spec.summary) < 90
    assert spec.compile_only == (spec.runtime.platform is None)
    if not name.startswith("host"):
        assert any(str(spec.tvm["mcpu"]).startswith(core) for core in spec.board.clusters)


def test_raspberry_pi_4b_to_the_letter() -> None:
    spec = target("raspberry-pi-4b")
    cluster = spec.board.clusters["cortex-a72"]
    assert spec.tvm == {
        "kind": "llvm",
        "mtriple": "aarch64-linux-gnu",
        "mcpu": "cortex-a72",
        "mattr": ["+neon", "-aes", "-sha2"],
        "num-cores": 4,
    }
    assert spec.features == ("neon",)
    assert spec.toolchain.triple == "aarch64-linux-gnu.2.28"
    assert (cluster.count, cluster.mhz, cluster.l1d_kib, cluster.l2_kib) == (4, 1500, 32, 1024)
    assert spec.board.sources["clusters.cortex-a72.l1d_kib"].startswith("Arm Cortex-A72")
    assert spec.emulator is not None
    assert (spec.emulator.program, spec.emulator.cpu) == ("qemu-aarch64", "cortex-a72")


def test_big_and_little_clusters_and_phones() -> None:
    rk3588 = target("rk3588")
    assert {name: facts.count for name, facts in rk3588.board.clusters.items()} == {
        "cortex-a55": 4,
        "cortex-a76": 4,
    }
    for name in ("pixel-8", "snapdragon-8-gen-3"):
        phone = target(name)
        assert phone.compile_only
        assert "bionic" in str(phone.runtime.reason)
        assert phone.toolchain.flags == ("-nostdlib",)
        assert "sve" not in phone.features
        assert "i8mm" in phone.features
    assert target("raspberry-pi-2").compile_only


def test_what_loads_no_libraries() -> None:
    for name in ("cortex-m7", "cortex-m55", "hexagon-v67"):
        spec = target(name)
        assert spec.compile_only and not spec.toolchain.loader
        assert spec.toolchain.threads == (name == "hexagon-v67")
    helium, scalar = core_of(target("cortex-m55")), core_of(target("cortex-m7"))
    assert (helium.lanes, helium.registers) == (4, 8)
    assert (scalar.lanes, scalar.registers) == (1, 32)
    assert (core_of(target("hexagon-v67")).lanes, core_of(target("hexagon-v67")).registers) == (
        1,
        24,
    )
    for name in ("cortex-m7", "cortex-m55"):
        emulator = target(name).emulator
        assert emulator is not None and emulator.machine is not None
        assert emulator.machine.libc in picolibc.BUILDS


def test_hexagons_float_vectors_are_not_emulated() -> None:
    """Since V68 there are two forms: the device's, with float vectors, and QEMU's, without."""
    for name in ("hexagon-v68", "hexagon-v69", "hexagon-v73", "hexagon-v75"):
        device, emulated = target(name), target(f"{name}-emulated")
        assert "hvx-qfloat" in device.features and "hvx-qfloat" not in emulated.features
        assert core_of(device).lanes == 32 and core_of(emulated).lanes == 1
        assert not device.emulated and emulated.emulated
        assert "compiled, not executed" in str(device.runtime.reason)
        assert device.board.dsp == emulated.board.dsp
    for name in ("hexagon-v65", "hexagon-v66", "hexagon-v67"):
        assert target(name).emulated and target(name).board.dsp is not None


def test_devices_with_a_hexagon_are_their_core() -> None:
    """Code for the core runs on them: they add facts and sources only."""
    names = [name for name in target_names() if name.endswith("-hexagon")]
    assert len(names) == 10
    for name in names:
        spec = target(name)
        core = target(str(spec.tvm["mcpu"]).replace("hexagonv", "hexagon-v"))
        assert (spec.tvm, spec.emulator, spec.runtime) == (core.tvm, core.emulator, core.runtime)
        assert spec.board.soc and "soc" in spec.board.sources
        dsp = spec.board.dsp
        assert dsp is not None
        assert (dsp.vtcm_kib is None) == ("dsp.vtcm_kib" not in spec.board.sources)


def test_tvms_own_hexagon_is_refused(tmp_path: Path) -> None:
    """TVM 0.27 builds x86 code for it without a word."""
    file = tmp_path / "mine.toml"
    file.write_text('inherit = "hexagon-v67"\n[target]\nkind = "hexagon"\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"'target.kind' in '.*' is \"hexagon\".*\"llvm\""):
        load_target_file(file)


@pytest.mark.parametrize("core", SHARED)
def test_every_shared_core_makes_a_board(core: str, tmp_path: Path) -> None:
    text = BOARD.replace("cortex-a72", core)
    text = text.replace('"aarch64-linux"', f'["aarch64-linux", "{core}"]')
    spec = load_target_file(write(tmp_path, text))
    assert spec.board.clusters[core].vector_bits == 128
    assert spec.tvm["mcpu"] == core


def test_unknown_target_names_the_nearest() -> None:
    with pytest.raises(InputError, match=r"'raspbery-pi-4' \(nearest: raspberry-pi-"):
        target("raspbery-pi-4")
    with pytest.raises(InputError, match="Unknown target 'cortex-a72'"):
        target("cortex-a72")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("summary", "sumary", "'sumary' in .*nearest: summary"),
        ("mcpu =", "mpcu =", r"'target\.mpcu' in .*nearest: mcpu"),
        ("count = 4", "count = 4\nmhzz = 1", r"'board\.clusters\.cortex-a72\.mhzz'.*nearest: mhz"),
        ("count = 4", 'count = "4"', r"'board\.clusters\.cortex-a72\.count'.*Expected `int`"),
        ("count = 4", "count = 0", r"'board\.clusters\.cortex-a72\.count'.*>= 1"),
        ("count = 4", "", r"Missing key 'board\.clusters\.cortex-a72\.count'"),
        ("count = 4", "count = 3", "4 cores, its clusters another number"),
        ('mcpu = "cortex-a72"', "", r"Missing key 'target\.mcpu'"),
        ("[target]", '[target]\nkind = "cuda"', r"'target\.kind'"),
        ("[target]", '[target]\nmattr = "+neon"', r"'target\.mattr'.*Expected `array`"),
        ("[board]", "[board]\nram_mib = [2048, 1024]", "'board.ram_mib' must be"),
        ("[board]", '[board]\nsoc = "X"', r"'board\.soc' has no source"),
        (
            'cores = "its',
            'corse = "a"\ncores = "its',
            r"'corse', which is no fact .*nearest: cores",
        ),
        ("[board]", "[bord]\n[board]", "'bord'.*nearest: board"),
        ("[emulator]", '[runtime]\nreason = "none"\n[emulator]', r"\[runtime\] needs either"),
        ("cores = 4", "cores = ", "is not a TOML file"),
        ('"aarch64-linux"', '"aarch64-linuz"', "'aarch64-linuz': no such file .*aarch64-linux"),
        ('"aarch64-linux"', "7", "'inherit'"),
    ],
)
def test_wrong_files(old: str, new: str, expected: str, tmp_path: Path) -> None:
    assert old in BOARD
    with pytest.raises(InputError, match=expected):
        load_target_file(write(tmp_path, BOARD.replace(old, new, 1)))
    refusal(tmp_path / "board.toml")


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "nowhere.toml")


def test_inherit_in_a_circle_shows_the_circle(tmp_path: Path) -> None:
    write(tmp_path, 'inherit = "b"', "a")
    write(tmp_path, 'inherit = "c"', "b")
    write(tmp_path, 'inherit = "a"', "c")
    with pytest.raises(InputError, match="a -> b -> c -> a"):
        load_target_file(tmp_path / "a.toml")


def test_an_unknown_key_in_a_parent_names_the_parent(tmp_path: Path) -> None:
    parent = write(tmp_path, "[boart]", "parent")
    with pytest.raises(InputError, match="'boart'") as caught:
        load_target_file(write(tmp_path, 'inherit = "parent"', "child"))
    assert str(parent) in str(caught.value)


def test_a_user_inherits_a_shipped_board_and_changes_one_fact(tmp_path: Path) -> None:
    text = 'inherit = "raspberry-pi-5"\n[board.clusters.cortex-a76]\nmhz = 3000'
    spec = load_target_file(write(tmp_path, text, "my-pi"))
    shipped = target("raspberry-pi-5")
    assert spec.name == "my-pi"
    assert spec.board.clusters["cortex-a76"].mhz == 3000
    assert (spec.tvm, spec.emulator) == (shipped.tvm, shipped.emulator)


def test_a_user_can_overrule_what_was_detected_of_the_host(tmp_path: Path) -> None:
    file = write(tmp_path, 'inherit = "host"\n[target]\nmattr = []', "plain-host")
    spec = load_target_file(file)
    assert spec.tvm["mattr"] == []
    assert spec.tvm["mcpu"] == target("host").tvm["mcpu"]
    assert spec.features == host_cpu.level_features(str(spec.tvm["mcpu"]))


LEAVES = st.integers(0, 3) | st.lists(st.integers(0, 3), max_size=2)
TABLES: Any = LEAVES
for _ in range(3):
    TABLES = st.dictionaries(st.sampled_from("abc"), LEAVES | TABLES, max_size=3)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(base=TABLES, over=TABLES)
def test_deep_merge(base: dict[str, Any], over: dict[str, Any]) -> None:
    before = copy.deepcopy((base, over))
    merged = tables.deep_merge(base, over)
    assert (base, over) == before
    assert tables.deep_merge(merged, over) == merged
    assert tables.deep_merge(base, {}) == base
    assert tables.deep_merge({}, over) == over
    assert merged.keys() == base.keys() | over.keys()
    for key, value in merged.items():
        if key not in over:
            assert value == base[key]
        elif not isinstance(over[key], dict):
            assert value == over[key]
        else:
            below = base.get(key)
            assert value == tables.deep_merge(below if isinstance(below, dict) else {}, over[key])


@settings(deadline=None)
@given(key=st.text(min_size=1, max_size=12), where=st.sampled_from(["", "target", "board"]))
def test_any_unknown_key_is_refused_wherever_it_stands(key: str, where: str) -> None:
    table: dict[str, Any] = {"target": {}, "board": {"cores": 4}}
    tables.check(table, File, "x.toml")
    place = table[where] if where else table
    known = set(File.__dataclass_fields__) | {"kind", "mtriple", "mcpu", "mattr", "keys", "device"}
    known |= {"mabi", "soc", "os", "libc", "cores", "clusters", "ram_mib", "sources"}
    if key in known:
        return
    place[key] = 1
    with pytest.raises(InputError) as caught:
        tables.check(table, File, "x.toml")
    assert f"'{where}.{key}'" in str(caught.value) or f"'{key}'" in str(caught.value)


AVX512 = """processor : 0
model name : Some Xeon
flags : fpu cx8 cmov mmx fxsr sse sse2 pni ssse3 fma cx16 sse4_1 sse4_2 movbe popcnt xsave avx \
f16c lahf_lm abm bmi1 avx2 bmi2 avx512f avx512dq avx512cd avx512bw avx512vl avx512_vnni amx_tile \
amx_int8
"""
AVX2 = AVX512[: AVX512.index(" avx512f")] + "\n"
MASKED = AVX2.replace(" abm", "").replace(" movbe", "")
GRAVITON = """processor : 0
Features : fp asimd evtstrm aes atomics fphp asimdhp asimdrdm lrcpc asimddp sve asimdfhm i8mm bf16

processor : 1
Features : fp asimd evtstrm aes atomics fphp asimdhp asimdrdm lrcpc asimddp i8mm
"""


def test_features_get_llvms_names_and_must_be_on_every_core() -> None:
    assert {"sse3", "sse4.2", "lzcnt", "bmi", "sahf", "avx512vnni", "amx-int8"} <= host_features(
        AVX512
    )
    arm = host_features(GRAVITON)
    assert {"fp-armv8", "neon", "lse", "rdm", "rcpc", "dotprod", "fullfp16", "i8mm"} <= arm
    assert not {"bf16", "sve", "fp16fml"} & arm
    assert host_features("no such line") == frozenset()


@pytest.mark.parametrize(
    ("machine", "cpuinfo", "mcpu", "attributes"),
    [
        ("x86_64", AVX512, "x86-64-v4", "+avx512vnni"),
        ("x86_64", AVX2, "x86-64-v3", ""),
        ("x86_64", MASKED, "x86-64-v2", "+avx +avx2 +bmi +bmi2 +f16c +fma +xsave"),
        ("x86_64", "", "x86-64", ""),
        ("aarch64", GRAVITON, "generic", "+dotprod +fullfp16 +i8mm +lse +neon +rcpc +rdm"),
    ],
)
def test_the_cpu_chosen_needs_nothing_the_machine_lacks(
    machine: str, cpuinfo: str, mcpu: str, attributes: str
) -> None:
    chosen = host_cpu.choose_cpu(machine, host_features(cpuinfo))
    assert chosen == (mcpu, attributes.split())
    if cpuinfo:
        needed = [*host_cpu.level_features(mcpu), *(name[1:] for name in chosen[1])]
        assert missing_features(needed, cpuinfo) == ()


def test_missing_features_refuses_a_bundle_of_a_better_machine() -> None:
    needed = host_cpu.level_features("x86-64-v4")
    assert missing_features(needed, AVX512) == ()
    assert missing_features(needed, AVX2) == (
        "avx512bw",
        "avx512cd",
        "avx512dq",
        "avx512f",
        "avx512vl",
    )
    assert missing_features(["dotprod", "sve"], GRAVITON) == ("sve",)
    assert missing_features(target("host").features) == ()


def test_host_table_from_a_made_up_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2, 3})
    files = {
        "proc/cpuinfo": GRAVITON,
        "proc/meminfo": "MemTotal:  8388608 kB",
        "etc/os-release": 'PRETTY_NAME="Some Linux 1"',
        "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": "2600000",
        "sys/devices/system/cpu/cpu0/cache/index0/level": "1",
        "sys/devices/system/cpu/cpu0/cache/index0/type": "Data",
        "sys/devices/system/cpu/cpu0/cache/index0/size": "64K",
        "sys/devices/system/cpu/cpu0/cache/index2/level": "2",
        "sys/devices/system/cpu/cpu0/cache/index2/type": "Unified",
        "sys/devices/system/cpu/cpu0/cache/index2/size": "1024K",
    }
    files |= {f"sys/devices/system/cpu/cpu{n}/topology/core_id": str(n // 2) for n in range(4)}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    detected = host_facts.detect(tmp_path, "Linux", "aarch64")
    monkeypatch.setattr(host_facts, "detect", lambda: detected)
    spec = target("host")
    cluster = spec.board.clusters["cpu"]
    assert spec.tvm["mtriple"] == "aarch64-linux-gnu"
    assert spec.toolchain.triple == "aarch64-linux-gnu.2.28"
    assert spec.runtime.platform == "manylinux_2_28_aarch64"
    assert (spec.board.cores, cluster.mhz, cluster.l1d_kib, cluster.l2_kib) == (2, 2600, 64, 1024)
    assert (spec.board.ram_mib, spec.board.os) == ((8192, 8192), "Some Linux 1")
    assert (cluster.dotprod, cluster.i8mm, cluster.sve) == (True, True, False)
    assert spec.features == ("dotprod", "fullfp16", "i8mm", "lse", "neon", "rcpc", "rdm")


@pytest.mark.parametrize(
    ("vendor", "family", "far", "fused"),
    [
        ("AuthenticAMD", 25, 14, 1),  # Zen 4
        ("AuthenticAMD", 26, 14, FUSED),  # Zen 5
        ("GenuineIntel", 6, FAR_BYTES, FUSED),
    ],
)
def test_what_is_not_in_flags_depends_on_who_made_the_host(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    vendor: str,
    family: int,
    far: int,
    fused: int,
) -> None:
    (tmp_path / "proc").mkdir()
    cpuinfo = f"processor\t: 0\nvendor_id\t: {vendor}\ncpu family\t: {family}\n"
    cpuinfo += "model name\t: A CPU\nflags\t\t: sse2 avx avx2 fma avx512f\n"
    (tmp_path / "proc/cpuinfo").write_text(cpuinfo)
    detected = host_facts.detect(tmp_path, "Linux", "x86_64")
    monkeypatch.setattr(host_facts, "detect", lambda: detected)
    spec = target("host")
    assert spec.board.soc == "A CPU"
    assert (core_of(spec).far_bytes, core_of(spec).fused) == (far, fused)


@pytest.mark.parametrize(("system", "machine"), [("Darwin", "arm64"), ("Linux", "riscv64")])
def test_an_unsupported_host_is_refused(system: str, machine: str) -> None:
    with pytest.raises(InputError, match=f"needs Linux .* this is {system} on {machine}"):
        host_facts.detect(system=system, machine=machine)


def test_importing_is_quick_and_needs_neither_tvm_nor_onnx() -> None:
    code = (
        "import sys; from tvmedge.targeting import target_names, target\n"
        "[target(name) for name in target_names()]\n"
        "print({'tvm', 'tvm_ffi', 'onnx', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_spec_is_frozen() -> None:
    spec: TargetSpec = target("raspberry-pi-3b")
    with pytest.raises(AttributeError):
        spec.name = "other"  # type: ignore[misc]


def test_a_gpu_beside_this_machine_s_cpu() -> None:
    spec = target("host-opencl")
    assert spec.tvm == target("host").tvm
    assert spec.tvm_target["kind"] == "opencl"
    assert spec.tvm_target["host"] == target("host").tvm
    assert target("host").tvm_target == target("host").tvm


GPU = """
family = "mali"
[accelerator]
kind = "opencl"
device = "mali"
"""


@pytest.mark.parametrize("name", MALI)
def test_a_mali_is_a_gpu_beside_an_arm_cpu(name: str) -> None:
    spec = target(name)
    assert spec.family is Family.MALI and spec.accelerator is not None
    assert spec.board.gpu is not None and spec.board.gpu.registers == 64
    assert spec.accelerator["max_threads_per_block"] == spec.board.gpu.work_group
    assert spec.tvm_target["host"] == spec.tvm and str(spec.tvm["mtriple"]).startswith("aarch64")
    assert (core_of(spec).lanes, core_of(spec).registers) == (4, 16)


def test_a_gpu_has_facts(tmp_path: Path) -> None:
    file = write(tmp_path, f'inherit = "rk3588"{GPU}', "no-facts")
    with pytest.raises(InputError, match=r"needs both \[accelerator\] and \[board.gpu\]"):
        load_target_file(file)


def test_the_limit_on_groups_is_the_board_s_fact_and_said_once(tmp_path: Path) -> None:
    gpu = "[board.gpu]\ncores = 1\nwork_group = 128\n[board.sources]"
    sources = '"gpu.cores" = "its manual"\n"gpu.work_group" = "its manual"'
    file = write(tmp_path, f'inherit = "rk3588"{GPU}{gpu}\n{sources}', "my-mali")
    assert load_target_file(file).tvm_target["max_threads_per_block"] == 128
    twice = GPU + "max_threads_per_block = 256\n"
    file = write(tmp_path, f'inherit = "rk3588"{twice}{gpu}\n{sources}', "my-mali")
    with pytest.raises(InputError, match=r"Unknown key 'accelerator.max_threads_per_block'"):
        load_target_file(file)


def test_a_host_of_fewer_cores_is_said_to_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = target("host")
    one = host_cores.with_cores(spec, spec.board.cores + 1)
    assert (one.board.cores, one.tvm["num-cores"]) == (spec.board.cores + 1,) * 2
    assert host_cores.with_cores(one, spec.board.cores) == spec
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    for allowed, said, narrowed in (
        ({3}, "processor 3", True),
        ({0, 1, 2}, "processors 0, 1 and 2", True),
        ({0, 1, 2, 3}, "processors 0, 1, 2 and 3", False),
    ):
        monkeypatch.setattr("os.sched_getaffinity", lambda _, allowed=allowed: allowed)
        assert (host_cores.processors(), host_cores.narrowed()) == (said, narrowed)
