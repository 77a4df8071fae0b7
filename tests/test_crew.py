"""Pieces on threads and on a local cluster: the same results in order, and every fault ends right or in a sentence."""

from __future__ import annotations

import contextlib
import errno
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cloudpickle
import numpy as np
import pytest

import lava_nexus as nexus
from lava_nexus.cluster import ClusterConfig, pieces_on_worker, signature
from lava_nexus.config import build_config
from lava_nexus.crew import crew
from lava_nexus.errors import NexusError
from lava_nexus.execute.tiled import TiledExecutor, Tiling
from lava_nexus.lab.configs.evaluation import EvaluateConfig
from lava_nexus.lab.configs.execution import RunConfig
from lava_nexus.lab.configs.model import TrainDigitsConfig
from lava_nexus.lab.configs.places import MapBlockConfig
from lava_nexus.lab.configs.robustness import RobustnessConfig
from lava_nexus.lab.configs.verification import VerifyConfig
from lava_nexus.lab.evaluation.relay import steps_of
from lava_nexus.lab.experiments import find
from tests.commands import listening

pytest.importorskip("distributed", reason="the extra 'distributed' is not installed")
cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import this module
WAIT = 120.0  # a loaded machine takes long to start Python


@pytest.fixture(scope="module")
def cluster():
    """Two workers; yields the crew, whose scheduler's address others use."""
    with crew(ClusterConfig(workers=2, wait_seconds=WAIT, patience_seconds=15)) as workers:
        yield workers


def at(cluster, **options):
    return {"at": cluster._client.scheduler.address, "wait_seconds": WAIT, **options}


def power(base, exponent):
    return base**exponent


def once(flag, act):
    """Whatever happens to the first that comes does not happen to others."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(flag, os.O_CREAT | os.O_EXCL))
        act()


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_give_results_in_order_and_end_with_the_first_mistake(threads):
    def late(_, number):
        time.sleep(0.02 * (number == 0))
        if number == 7:
            raise NexusError("piece 7 is wrong")
        return number

    seen = []
    with crew(None, threads) as workers, pytest.raises(NexusError, match="piece 7"):
        for result in workers.map(late, None, range(100)):
            seen.append(result)
    assert seen == list(range(7))


def test_a_cluster_gives_the_same_in_order(cluster):
    assert list(cluster.map(power, 3, range(40))) == [3**n for n in range(40)]
    assert list(cluster.map(power, 2, [])) == []


def test_short_pieces_are_given_out_several_at_a_time(cluster):
    submit, given = cluster._client.submit, []

    def counted(*args, **options):
        given.append(args)
        return submit(*args, **options)

    cluster._client.submit = counted
    try:
        assert list(cluster.map(power, 3, range(2000))) == [3**n for n in range(2000)]
    finally:
        cluster._client.submit = submit
    assert len(given) < 500


def test_a_relay_takes_every_item_through_all_steps(cluster):
    def step(factor, number, value):
        return factor * value + number

    expected = [2 * (2 * (2 * n) + 1) + 2 for n in range(20)]
    assert list(cluster.relay(step, 2, range(20), 3)) == expected
    with crew(None) as here:
        assert list(here.relay(step, 2, range(20), 3)) == expected


def test_a_relay_outlives_a_worker_of_one_of_its_steps(cluster, tmp_path):
    flag = str(tmp_path / "flag")

    def step(flag, number, value):
        if number == 1 and value == 4:
            once(flag, lambda: os.kill(os.getpid(), signal.SIGKILL))
        return value + 1

    assert list(cluster.relay(step, flag, range(8), 3)) == [n + 3 for n in range(8)]
    assert Path(flag).exists()


def test_it_listens_on_the_loopback_alone(cluster):
    cluster._client.wait_for_workers(2, timeout=WAIT)  # one may be starting anew
    info = cluster._client.scheduler_info()
    addresses = [info["address"], *info["workers"], *(worker["nanny"] for worker in info["workers"].values())]
    assert len(addresses) == 5 and all(address.startswith("tcp://127.0.0.1:") for address in addresses)


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGSTOP, marks=pytest.mark.slow)])
def test_a_worker_that_is_killed_or_hangs_costs_its_piece_alone(cluster, tmp_path, number):
    flag = str(tmp_path / "flag")

    def piece(flag, n):
        with open(f"{flag}{n}.begun", "a") as file:
            file.write("x")
        if n == 3:
            time.sleep(1.0)  # what its worker gave before is fetched meanwhile
            once(flag, lambda: os.kill(os.getpid(), number))
        return n * n

    assert list(cluster.map(piece, flag, range(12))) == [n * n for n in range(12)]
    begun = [len(path.read_text()) for path in tmp_path.glob("*.begun")]
    assert Path(flag).exists() and len(begun) == 12
    assert 13 <= sum(begun) <= 14, "more was lost than its piece, and one that it had just ended"


@pytest.mark.slow
def test_what_ends_every_worker_is_a_sentence(cluster):
    def deadly(_, n):
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(NexusError, match="ended 3 workers of 'local', each killed or out of memory"):
        list(cluster.map(deadly, None, [1]))


@pytest.mark.parametrize(
    "error, told",
    [
        (OSError(errno.ENOSPC, "No space left on device", "/scratch/x"), r"worker tcp://.*: no space left.*/scratch/x"),
        (MemoryError(), r"worker tcp://.*: out of memory"),
        (NexusError("weights are not there"), "weights are not there"),
    ],
)
def test_a_fault_at_a_worker_names_the_worker(cluster, error, told):
    def failing(error, n):
        raise error

    with pytest.raises(NexusError, match=told):
        list(cluster.map(failing, error, [1]))


def test_a_full_disk_at_a_worker_is_a_sentence(cluster):
    def writes(path, n):
        Path(path).write_text("x")

    with pytest.raises(NexusError, match=r"^worker tcp://127.0.0.1:\d+: no space left on device$"):
        list(cluster.map(writes, "/dev/full", [1]))


@pytest.mark.slow
def test_a_worker_that_takes_more_memory_than_it_may_is_ended(tmp_path):
    def piece(flag, n):
        if n == 2:
            once(flag, take)
        elif n < 0:
            take()
        return n * n

    def take():
        held = np.ones(150_000_000)
        time.sleep(3600)
        assert len(held)

    options = {"workers": 1, "memory": 900_000_000, "wait_seconds": WAIT}
    with crew(ClusterConfig(**options)) as workers:
        assert list(workers.map(piece, str(tmp_path / "flag"), range(4))) == [0, 1, 4, 9]
        with pytest.raises(NexusError, match="ended 3 workers of 'local', each killed or out of memory"):
            list(workers.map(piece, str(tmp_path / "flag"), [-1]))


def test_a_fault_of_the_program_keeps_its_kind(cluster):
    with pytest.raises(ZeroDivisionError):
        list(cluster.map(power, 0, [-1]))


def test_workers_with_other_sources_or_another_processor_are_refused(cluster):
    expected = {**signature(True), "processor": {"name": "another"}}

    def asks(expected, n):
        return pieces_on_worker(expected, "key", cloudpickle.dumps((power, 1)), cloudpickle.dumps([1]))

    with pytest.raises(NexusError, match=r"worker tcp://.* has another processor .*all workers must have the same"):
        list(cluster.map(asks, expected, [1]))
    for part in ("sources", "package version", "packages"):
        with pytest.raises(NexusError, match=f"has another {part}.*; all workers must have the same"):
            list(cluster.map(asks, {**signature(False), part: {"numpy": "0"}}, [1]))


@pytest.mark.parametrize(
    "key, told, meanwhile",
    [
        (
            "tcp://127.0.0.1:1",
            "no cluster answers at 'tcp://127.0.0.1:1'",
            "waiting for cluster 'tcp://127.0.0.1:1', at most 3 s",
        ),
        ("nowhere.json", "scheduler file 'nowhere.json' does not exist", ""),
    ],
)
def test_no_cluster_there_is_a_sentence(key, told, meanwhile, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LAVA_NEXUS_PROGRESS", "1")
    with pytest.raises(NexusError, match=told), crew(ClusterConfig(at=key, wait_seconds=3)):
        pass
    assert meanwhile in capsys.readouterr().err


@pytest.mark.parametrize("value", ["there", "http://host:80", 3, {"at": "local", "workers": 0}, {"weights": "guessed"}])
def test_a_key_that_is_no_cluster_is_refused(value):
    with pytest.raises(NexusError, match="cluster"):
        build_config(VerifyConfig, {"jobs": JOBS, "cluster": value}, "config")


JOBS = [{"inputs": "exhaustive", "operations": ["add", "mul"], "formats": ["float8_e4m3fn"], "bases": ["threshold"]}]
TINY = {
    **{"model_type": "llama", "hidden_size": 128, "num_attention_heads": 4, "intermediate_size": 192},
    **{"num_hidden_layers": 2, "vocab_size": 96, "max_position_embeddings": 16, "rms_norm_eps": 1e-6},
}


def conducted(command, kind, given, out):
    out.mkdir()
    return find(command).conduct(build_config(kind, given, "config"), out)


def test_verification_is_the_same(cluster, tmp_path):
    plain, spread = (
        conducted("verify", VerifyConfig, {"jobs": JOBS, "chunk": 1 << 12, **more}, tmp_path / name)
        for name, more in (("plain", {"threads": 1}), ("spread", {"cluster": at(cluster)}))
    )
    for (_, one), (_, other) in zip(plain, spread, strict=True):
        assert one.sets == other.sets == 1 << 16
        assert {**one.to_dict(), "seconds": 0} == {**other.to_dict(), "seconds": 0}


def test_a_sweep_is_the_same(cluster, tmp_path):
    sweep = {"kind": "noise", "logic": ["and", "xor"], "sigmas": [0.1, 0.3], "noise_on": ["membrane"]}
    given = {"sweep": {**sweep, "theory_sets": 16, "injections": 50}, "trials": 200, "seeds": 2}
    plain = conducted("robustness", RobustnessConfig, given, tmp_path / "plain")
    spread = conducted("robustness", RobustnessConfig, {**given, "cluster": at(cluster)}, tmp_path / "spread")
    assert plain["cells"] and plain["cells"] == spread["cells"]


def test_an_evaluation_is_the_same(cluster, tmp_path):
    task = {"kind": "arc", "limit": 3}
    shape = TINY | {"max_position_embeddings": 256, "hidden_size": 16, "intermediate_size": 16}
    given = {"model": {"architecture": shape}, "tasks": [task], "pytorch": False}
    given["executor"] = "reference"
    plain = conducted("evaluate", EvaluateConfig, given, tmp_path / "plain")
    assert plain == conducted("evaluate", EvaluateConfig, {**given, "cluster": at(cluster)}, tmp_path / "spread")


@pytest.mark.parametrize("layers", [1, 3])
def test_an_evaluation_by_layers_is_the_same(cluster, tmp_path, layers):
    task = {"kind": "arc", "limit": 1}
    shape = TINY | {"max_position_embeddings": 256, "hidden_size": 16, "intermediate_size": 16}
    model = {"architecture": shape | {"num_hidden_layers": layers}}
    given = {"model": model, "tasks": [task], "pytorch": False, "executor": "reference"}
    plain = conducted("evaluate", EvaluateConfig, given, tmp_path / "plain")
    given |= {"cluster": at(cluster), "spread": "layers"}
    assert plain == conducted("evaluate", EvaluateConfig, given, tmp_path / "spread")
    with pytest.raises(NexusError, match="no worker holds the whole model, which 'pytorch: true' needs"):
        build_config(EvaluateConfig, given | {"pytorch": True}, "config")


def test_layers_are_cut_by_their_weights():
    spec = nexus.random_model(TINY | {"num_hidden_layers": 7, "vocab_size": 4096}).spec
    for steps in range(1, 10):
        cut = steps_of(spec, steps)
        assert len(cut) == min(steps, 7) and all(cut) and [n for part in cut for n in part] == list(range(7))
    assert len(steps_of(spec, 2)[0]) > len(steps_of(spec, 2)[1])  # the head is in the last one


TABLES = {
    "circuits": {"operations": ["add", "mul"], "formats": ["float8_e4m3fn"], "inputs": 64},
    "energy": {"measure": {"kind": "precision", "size": 2, "tokens": 2, "formats": ["float8_e4m3fn"]}},
    "nls": {"sections": ["errors", "sweeps"], "sizes": [4], "vectors": 8, "points": 11},
    "ulp": {"inputs": [16], "components": ["silu"], "operations": ["add"], "tokens": 2, "width": 2, "outputs": 2},
    "study": {
        "architecture": TINY | {"hidden_size": 16, "intermediate_size": 16},
        **{"text": str(Path(__file__).parent / "data" / "persuasion.txt"), "tokens": 16, "window": 8},
    },
}


@pytest.mark.parametrize(
    "command", ["circuits", *(pytest.param(name, marks=pytest.mark.slow) for name in list(TABLES)[1:])]
)
def test_a_table_is_the_same(cluster, tmp_path, command):
    kind = find(command).config
    plain = conducted(command, kind, TABLES[command], tmp_path / "plain")
    spread = conducted(command, kind, TABLES[command] | {"cluster": at(cluster)}, tmp_path / "spread")
    assert told(plain) == told(spread)


@pytest.mark.wide
def test_a_training_is_the_same(cluster, tmp_path):
    gates = {"steps": 2, "batch": 2, "checkpoint_every": 1, "format": "float8_e5m2", "formats": ["float8_e4m3fn"]}
    given = {"forward": "gates", "gates": gates | {"baselines": ["torch"]}}
    plain, spread = (
        conducted("train", TrainDigitsConfig, given | more, tmp_path / name)
        for name, more in (("plain", {}), ("spread", {"cluster": at(cluster)}))
    )
    assert len(plain["ways"]) == 3 and plain["steps"] == spread["steps"]
    for one, other in zip(plain["ways"], spread["ways"], strict=True):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}
    weights = [(tmp_path / name / "digits_by_gates.safetensors").read_bytes() for name in ("plain", "spread")]
    assert weights[0] == weights[1]
    with pytest.raises(NexusError, match="a training by PyTorch is one short piece; leave out 'cluster'"):
        build_config(TrainDigitsConfig, {"cluster": "local"}, "config")


NATIVE = {"product": "native", "strategies": ["fit: chips=8"]}


@pytest.mark.parametrize(
    "more", [pytest.param({}, marks=pytest.mark.wide), pytest.param(NATIVE, marks=pytest.mark.slow)]
)
def test_a_mapping_is_the_same(cluster, tmp_path, more):
    shape = {"d_model": 16, "heads": 2, "kv_heads": 1, "head_dim": 8, "hidden": 32, "layers": 1, "vocabulary": 0}
    given = {"name": "tiny", "shape": shape, "context": 4, "format": "float8_e4m3fn", "curve": 4, "sets": 16, **more}
    plain = conducted("map", MapBlockConfig, given, tmp_path / "plain")
    spread = conducted("map", MapBlockConfig, given | {"cluster": at(cluster)}, tmp_path / "spread")
    assert len(plain["curve"]) > 2 and plain["strategies"][0]["cores"]
    for key in plain.keys() - {"config"}:
        assert plain[key] == spread[key], key
    assert (tmp_path / "plain" / "cores.csv").read_text() == (tmp_path / "spread" / "cores.csv").read_text()


def told(found):
    """What an experiment gave, as text; of a report what does not depend on where it was measured."""
    return str([found["rows"], found["config"]["seed"]] if isinstance(found, dict) else found)


@pytest.mark.wide
def test_tiles_are_the_same_on_any_number_of_workers():
    model = nexus.random_model(TINY | {"num_hidden_layers": 1})
    plain = model([[1]], "bitsliced")

    class Here:
        def __init__(self, workers):
            self.workers = workers

        def map(self, function, shared, pieces, returning=False):
            return (function(shared, piece) for piece in pieces)

    for workers in (1, 2, 3):
        for source in (lambda: model.source, None):
            spread = model([[1]], TiledExecutor(Tiling(Here(workers), f"{workers}", source, "bitsliced")))
            assert np.array_equal(plain.logits, spread.logits)
            found = [(t.circuit.digest, t.invocations, t.spikes, t.synops) for t in plain.counts.tallies]
            others = [(t.circuit.digest, t.invocations, t.spikes, t.synops) for t in spread.counts.tallies]
            assert sorted(found) == sorted(others)


@pytest.mark.wide
@pytest.mark.parametrize("weights", ["read", pytest.param("sent", marks=pytest.mark.slow)])
def test_a_run_by_tiles_is_the_same(cluster, tmp_path, weights):
    model = {"kind": "transformer", "architecture": TINY, "tokens": [1], "generate": 2}
    plain = conducted("run", RunConfig, {"model": model}, tmp_path / "plain")
    given = {"model": model, "cluster": at(cluster, weights=weights)}
    spread = conducted("run", RunConfig, given, tmp_path / "spread")
    for key in ("spikes", "synops", "layers", "circuits", "neurons", "ulp"):
        assert plain[key] == spread[key], key


def test_what_tiles_cannot_do_is_refused(tmp_path):
    model = {"kind": "transformer", "architecture": TINY, "tokens": 2}
    for more, told in (
        ({"weights": "constant"}, "weights 'constant' makes weights part of the circuits"),
        ({"product": "native", "accumulate": "exact"}, "product 'native' makes weights part of the circuits"),
    ):
        with pytest.raises(NexusError, match=told):
            conducted("run", RunConfig, {"model": model, "cluster": "local", **more}, tmp_path / more.popitem()[1])


def children(parent):
    """Processes whose command says that they are of a cluster of this parent."""
    listed = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True).stdout.splitlines()[1:]
    of = {int(line.split()[0]): int(line.split()[1]) for line in listed}
    found, grown = {parent}, True
    while grown:
        more = {pid for pid, up in of.items() if up in found} - found
        grown, found = bool(more), found | more
    return found - {parent}


@pytest.mark.slow
@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_nothing_stays_when_the_client_is_ended(tmp_path, number, code):
    config = tmp_path / "long.yaml"
    config.write_text(
        "jobs:\n- {inputs: sample, operations: [mul], formats: [float32], bases: [threshold], size: 2000000000}\n"
        f"cluster: {{at: local, workers: 1, wait_seconds: {WAIT}}}\nout: {tmp_path / 'out'}\n"
    )
    run = subprocess.Popen(
        [sys.executable, "-m", "lava_nexus", "verify", str(config)],
        stderr=subprocess.PIPE,
        preexec_fn=listening,
    )
    began = time.monotonic()
    while not list((tmp_path / "out").glob("progress/*")) and time.monotonic() - began < WAIT:
        assert run.poll() is None, run.stderr.read()
        time.sleep(0.2)
    mine = children(run.pid)
    assert mine
    run.send_signal(number)
    assert run.wait(120) == code
    began = time.monotonic()
    while time.monotonic() - began < 60 and any(Path(f"/proc/{pid}").exists() for pid in mine):
        time.sleep(0.2)
    assert not [pid for pid in mine if Path(f"/proc/{pid}").exists()]


@contextlib.contextmanager
def served(file, names=("scheduler", "worker"), more=()):
    """A scheduler, told of in a file, and a worker, as processes of their own; yields the scheduler."""
    file.unlink(missing_ok=True)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    asked = {
        "scheduler": ["--host", "127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0"],
        "worker": ["--nthreads", "1", "--no-dashboard", "--death-timeout", "60"],
    }
    started = []
    try:
        for name in names:
            options = [*asked[name], *more, "--scheduler-file", str(file)]
            command = [sys.executable, "-m", f"distributed.cli.dask_{name}", *options]
            started.append(subprocess.Popen(command, **quiet, cwd=file.parent))
        yield started[0]
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            process.wait(60)


@pytest.mark.parametrize("command", ["scheduler", "worker", "ssh"])
def test_documented_commands_take_their_options(command):
    page = (Path(__file__).parents[1] / "docs" / "distributed.md").read_text()
    lines = [line for line in page.splitlines() if f"dask {command} " in line and line.split()[0] in ("dask", "srun")]
    options = {word for line in lines for word in line.partition("dask ")[2].split() if word.startswith("--")}
    module = importlib.import_module(f"distributed.cli.dask_{command}")
    taken = {name for option in module.main.params for name in (*option.opts, *option.secondary_opts)}
    assert options and options <= taken


def there(file):
    """Waits for a scheduler to tell where it is."""
    began = time.monotonic()
    while time.monotonic() - began < WAIT:
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            return json.loads(file.read_text())["address"]
        time.sleep(0.1)
    raise TimeoutError


@pytest.mark.slow
def test_a_scheduler_without_workers_is_a_sentence(tmp_path):
    file = tmp_path / "scheduler.json"
    with served(file, ["scheduler"]):
        there(file)
        told = "has no worker after 10 s; start one by: dask worker"
        with pytest.raises(NexusError, match=told), crew(ClusterConfig(at=str(file), wait_seconds=10)):
            pass


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("openssl") is None, reason="certificates are made by openssl")
def test_tls_lets_in_who_has_a_certificate(tmp_path):
    file, cert, key = (tmp_path / name for name in ("scheduler.json", "cert.pem", "key.pem"))
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run([*make, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    given = {"ca": cert, "cert": cert, "key": key}
    more = ["--protocol", "tls", "--tls-ca-file", str(cert), "--tls-cert", str(cert), "--tls-key", str(key)]
    with served(file, more=more):
        address = there(file)
        assert address.startswith("tls://127.0.0.1:")
        with crew(ClusterConfig(at=address, tls=given, wait_seconds=WAIT)) as workers:
            assert list(workers.map(power, 2, range(5))) == [1, 2, 4, 8, 16]
        told = "no cluster answers at 'tls://"
        with pytest.raises(NexusError, match=told), crew(ClusterConfig(at=address, wait_seconds=5)):
            pass


@pytest.mark.slow
def test_a_run_that_lost_its_scheduler_goes_on_with_another(tmp_path):
    file, config, out = tmp_path / "scheduler.json", tmp_path / "sample.yaml", tmp_path / "out"
    config.write_text(
        "jobs:\n- {inputs: sample, operations: [mul], formats: [float32], bases: [threshold], size: 6000000, "
        "corners: 0}\n"
        f"cluster: {{at: {file}, wait_seconds: {WAIT}}}\nchunk: 20000\nout: {out}\n"
    )
    command = [sys.executable, "-m", "lava_nexus", "verify", str(config)]

    def begun(scheduler):
        run = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        while not list((out / "progress").glob("*")) and scheduler is not None:
            assert run.poll() is None, run.stderr.read()
            time.sleep(0.1)
        return run

    with served(file) as scheduler:
        there(file)
        run = begun(scheduler)
        scheduler.kill()
        said = run.communicate(timeout=150)[1]
        assert run.returncode == 2 and "was lost; finished pieces are kept" in said, said
    (kept,) = (out / "progress").glob("*")
    before = kept.read_bytes()
    with served(file):
        there(file)
        run = begun(None)
        assert run.communicate(timeout=150) and run.returncode == 0
    (result,) = json.loads((out / "verification.json").read_text())["results"]
    assert result["inputs tried"] == 6_000_000 and result["mismatches"] == 0 and kept.read_bytes() != before
