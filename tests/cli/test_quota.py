"""Workers by the quota of a container: both versions of control groups, as files of a made-up
system."""

from collections.abc import Mapping
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcli.cli import quota as quotas
from dlcli.cli.options import MOST_WORKERS, default_workers
from dlcli.cli.quota import quota

V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = (
    "33 32 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "34 32 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
)
IN_V1 = "5:memory:/a\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/x\n"


def system(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def v2(**groups: str) -> dict[str, str]:
    """A process in /a/b; cpu.max of the root, of a and of b."""
    places = {"root": "", "a": "a/", "b": "a/b/"}
    limits = {f"sys/fs/cgroup/{places[name]}cpu.max": limit for name, limit in groups.items()}
    return {"proc/self/cgroup": "0::/a/b\n", "proc/self/mountinfo": V2, **limits}


def v1(limit: str, period: str = "100000", at: str = "docker/abc/") -> dict[str, str]:
    folder = f"sys/fs/cgroup/cpu,cpuacct/{at}"
    return {
        "proc/self/cgroup": IN_V1,
        "proc/self/mountinfo": V1,
        f"{folder}cpu.cfs_quota_us": limit,
        f"{folder}cpu.cfs_period_us": period,
    }


CASES: Mapping[str, tuple[Mapping[str, str], int | None]] = {
    "nothing": ({}, None),
    "v2, no limit": (v2(root="max 100000\n", a="max 100000\n", b="max 100000\n"), None),
    "v2, one": (v2(b="100000 100000\n"), 1),
    "v2, one and a half": (v2(b="150000 100000\n"), 2),
    "v2, a tenth": (v2(b="10000 100000\n"), 1),
    "v2, of the group above": (v2(a="200000 100000\n", b="max 100000\n"), 2),
    "v2, the least of all": (v2(root="800000 100000", a="300000 100000", b="400000 100000"), 3),
    "v2, another period": (v2(b="50000 25000\n"), 2),
    "v2, inside a container": (
        {
            "proc/self/cgroup": "0::/\n",
            "proc/self/mountinfo": V2,
            "sys/fs/cgroup/cpu.max": "300000 100000\n",
        },
        3,
    ),
    "v2, a mounted group": (
        {
            "proc/self/cgroup": "0::/kube/pod/x\n",
            "proc/self/mountinfo": V2.replace(" / /sys", " /kube/pod /sys"),
            "sys/fs/cgroup/x/cpu.max": "200000 100000\n",
        },
        2,
    ),
    "v2, seen from outside": (
        {
            "proc/self/cgroup": "0::/../..\n",
            "proc/self/mountinfo": V2,
            "sys/fs/cgroup/cpu.max": "200000 100000\n",
        },
        2,
    ),
    "v2, a folder with a blank": (
        {
            "proc/self/cgroup": "0::/\n",
            "proc/self/mountinfo": V2.replace("/sys/fs/cgroup", "/my\\040groups"),
            "my groups/cpu.max": "200000 100000\n",
        },
        2,
    ),
    "v2, another group with a longer name": (
        {
            "proc/self/cgroup": "0::/kube/pod12\n",
            "proc/self/mountinfo": V2.replace(" / /sys", " /kube/pod1 /sys"),
            "sys/fs/cgroup/2/cpu.max": "100000 100000\n",
        },
        None,
    ),
    "v2, behind a thousand mounts": (
        {
            "proc/self/cgroup": "0::/\n",
            "proc/self/mountinfo": V2.replace("cgroup2", "overlay") * 1000 + V2,
            "sys/fs/cgroup/cpu.max": "200000 100000\n",
        },
        2,
    ),
    "v2, a hair more than one": (v2(b="100001 100000\n"), 2),
    "v2, no share at all": (v2(b="0 100000\n"), None),
    "v2, a number that no float holds": (v2(b="9" * 400 + " 1\n"), None),
    "v2, one number": (v2(b="100000\n"), None),
    "v2, three numbers": (v2(b="100000 100000 100000\n"), None),
    "v2, groups beside and below": (
        v2(b="max 100000")
        | {
            "sys/fs/cgroup/a/c/cpu.max": "100000 100000\n",
            "sys/fs/cgroup/a/b/c/cpu.max": "100000 100000\n",
        },
        None,
    ),
    "v1": (v1("200000\n"), 2),
    "v1, no limit": (v1("-1\n"), None),
    "v1, of the root of the container": (v1("100000", at=""), 1),
    "v1, three quarters": (v1("75000"), 1),
    "both versions": (
        {
            **v1("300000"),
            "proc/self/cgroup": IN_V1 + "0::/\n",
            "proc/self/mountinfo": V1 + V2.replace("/sys/fs/cgroup", "/sys/fs/cgroup/unified"),
        },
        3,
    ),
    "rubbish": (
        {
            "proc/self/cgroup": "::::\n0\n\0",
            "proc/self/mountinfo": " - - -\nx\n" + V2 + V1,
            "sys/fs/cgroup/cpu.max": "many often\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "",
        },
        None,
    ),
    "a period of nothing": (v1("100000", "0"), None),
}


@pytest.mark.parametrize("case", CASES)
def test_the_quota_is_the_least_of_all_groups(case: str, tmp_path: Path) -> None:
    files, wanted = CASES[case]
    assert quota(system(tmp_path, files)) == wanted


def test_workers_are_no_more_than_the_quota(monkeypatch: pytest.MonkeyPatch) -> None:
    with mock.patch("os.sched_getaffinity", lambda _: set(range(32))):
        for found, workers in ((None, 32), (1, 1), (3, 3), (64, 32)):
            monkeypatch.setattr(quotas, "quota", lambda found=found: found)
            assert default_workers() == workers


def test_without_a_quota_there_are_no_more_workers_than_could_be_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(quotas, "quota", lambda: None)
    with mock.patch("os.sched_getaffinity", lambda _: set(range(1000))):
        assert default_workers() == MOST_WORKERS == 256


def test_a_system_without_affinities_counts_its_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotas, "quota", lambda: None)
    monkeypatch.delattr("os.sched_getaffinity")
    for count, workers in ((6, 6), (None, 1)):
        monkeypatch.setattr("os.cpu_count", lambda count=count: count)
        assert default_workers() == workers


def test_a_folder_in_place_of_a_list_is_no_quota(tmp_path: Path) -> None:
    for name in ("cgroup", "mountinfo"):
        (tmp_path / "proc" / "self" / name).mkdir(parents=True)
    assert quota(tmp_path) is None


@given(st.text(), st.text(), st.text())
def test_whatever_the_files_hold_there_is_an_answer(a: str, b: str, c: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        files = {
            "proc/self/cgroup": f"0::/{a}\n{b}",
            "proc/self/mountinfo": V2 + c + "\n" + V1,
            "sys/fs/cgroup/cpu.max": c,
        }
        encoded = {name: text.encode(errors="ignore").decode() for name, text in files.items()}
        found = quota(system(Path(folder), encoded))
        assert found is None or found >= 1
