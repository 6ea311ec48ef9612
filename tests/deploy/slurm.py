"""A Slurm cluster of two nodes on this machine, on its own ports and folder. It needs root, as Slurm's daemons do."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from e1site.stack.processes import wait_gone
from tests.deploy.proxy import free_port

NODES = ("n1", "n2")
START_SECONDS = 60
DOWN_SECONDS = 10
KILL_WAIT = 30
ENDED = {"COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "PENDING", ""}
"""States of a job without a process: ended, waiting again, or forgotten."""


@dataclass
class Cluster:
    """`munged`, `slurmctld`, and a `slurmd` for each node. `log` is where jobs write."""

    folder: Path
    daemons: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf")}

    def start(self) -> None:
        self._munge()
        self._configure()
        self._launch("slurmctld", shutil.which("slurmctld") or "", "-D")
        for node in NODES:
            self.start_node(node)
        assert wait_gone(lambda: self._idle() != len(NODES), START_SECONDS), self.logs()

    def start_node(self, node: str) -> None:
        self._launch(node, shutil.which("slurmd") or "", "-D", "-N", node)

    def kill_node(self, node: str) -> None:
        """Take the power from a node: kill its daemon and every process of its jobs at once."""
        self.daemons[node].kill()
        self.daemons[node].wait()
        for pid in self._processes(node):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def run(self, *command: str, **more: str) -> str:
        done = subprocess.run(command, env={**self.env, **more}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def state(self, job: str) -> str:
        """Return the state of a job, or of a task of an array ("4_0"); empty once Slurm has forgotten it."""
        command = ["squeue", "--noheader", "--array", "--states=all", "--jobs", job, "--format=%T"]
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    def node_of(self, job: str) -> str:
        return self.run("squeue", "--noheader", "--array", "--jobs", job, "--format=%N").strip()

    def start_now(self, job: str) -> None:
        """Let a requeued job start, which Slurm delays by two minutes."""
        assert wait_gone(lambda: self.state(job) != "PENDING", 120), self.state(job)
        self.run("scontrol", "update", f"jobid={job}", "starttime=now")

    def logs(self) -> str:
        return "\n".join(
            f"--- {path.name}\n{path.read_text(errors='replace')[-3000:]}" for path in self.folder.glob("*.log")
        )

    def stop(self) -> None:
        """End every job and every daemon, by process id."""
        if "slurmctld" in self.daemons:
            subprocess.run(
                ["scancel", "--signal=KILL", "--full", "--user=root"], env=self.env, capture_output=True, check=False
            )
            subprocess.run(["scancel", "--user=root"], env=self.env, capture_output=True, check=False)
        for node in NODES:
            for pid in self._processes(node):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        for daemon in reversed(self.daemons.values()):
            daemon.terminate()
            try:
                daemon.wait(timeout=20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()

    def _processes(self, node: str) -> list[int]:
        """Return the processes of this node's jobs, by variables that Slurm gives them, and their step daemons."""
        marks = {f"SLURM_CONF={self.folder / 'slurm.conf'}".encode(), f"SLURMD_NODENAME={node}".encode()}
        found = set()
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if marks <= set((process / "environ").read_bytes().split(b"\0")):
                    found.add(int(process.name))
                    parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
                    if Path(f"/proc/{parent}/cmdline").read_bytes().startswith(b"slurmstepd"):
                        found.add(parent)
        return sorted(found)

    def _munge(self) -> None:
        user = pwd.getpwnam("munge")
        folder = self.folder / "munge"
        folder.mkdir()
        (folder / "key-file").write_bytes(secrets.token_bytes(1024))
        (folder / "key-file").chmod(0o400)
        for path in (folder, folder / "key-file"):
            os.chown(path, user.pw_uid, user.pw_gid)
        files = [f"--{name}={folder / name}" for name in ("socket", "key-file", "pid-file", "log-file", "seed-file")]
        self._launch("munged", shutil.which("munged") or "", "--foreground", "--force", *files, user=user)
        assert wait_gone(lambda: not (folder / "socket").exists(), START_SECONDS), self.logs()

    def _configure(self) -> None:
        name = socket.gethostname().partition(".")[0]
        ports = {node: free_port() for node in NODES}
        nodes = "\n".join(
            f"NodeName={node} NodeHostname={name} NodeAddr=127.0.0.1 Port={port} CPUs=2 RealMemory=4000"
            for node, port in ports.items()
        )
        (self.folder / "state").mkdir()
        (self.folder / "slurm.conf").write_text(f"""\
ClusterName=trial
SlurmctldHost={name}(127.0.0.1)
SlurmctldPort={free_port()}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={self.folder}/munge/socket
StateSaveLocation={self.folder}/state
SlurmdSpoolDir={self.folder}/spool-%n
SlurmctldPidFile={self.folder}/slurmctld.pid
SlurmdPidFile={self.folder}/%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
SlurmdTimeout={DOWN_SECONDS}
KillWait={KILL_WAIT}
{nodes}
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
""")

    def _launch(self, name: str, program: str, *arguments: str, user: pwd.struct_passwd | None = None) -> None:
        log = self.folder / f"{name}.log"
        who = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        with log.open("ab") as output:
            self.daemons[name] = subprocess.Popen(
                [program, *arguments], env=self.env, stdout=output, stderr=subprocess.STDOUT, cwd=self.folder,
                start_new_session=True, **who,
            )  # fmt: skip

    def _idle(self) -> int:
        done = subprocess.run(
            ["sinfo", "-h", "-N", "-o", "%t"], env=self.env, capture_output=True, text=True, check=False
        )
        return done.stdout.split().count("idle")


@contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    folder.mkdir()
    folder.chmod(0o755)
    cluster = Cluster(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
