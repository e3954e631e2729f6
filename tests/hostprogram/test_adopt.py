"""Taking over a member that others made: what speaks against it on the host itself."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

import pytest

from etcd_cluster import fingerprint
from tests.support.providers import pem

from .bash import run
from .quorums import CLUSTER, rows

CA, ANOTHER_CA = "a" * 64, "b" * 64
MANIFEST = """\
spec:
  containers:
  - command:
    - etcd
    - --name=etcd01
    image: registry.example.com:5000/etcd:3.6.6-0
    imagePullPolicy: IfNotPresent
"""


def fault(folder: Path, **changes: str) -> str:
    """Why the member etcd01, whose id is a1, is not adopted; all is well but for the changes."""
    given = {
        "MEMBERS": rows(3),
        "SERVING": "a1\na2\na3",
        "CLUSTER": CLUSTER,
        "OWN_ROW_ID": "a1",
        "AUTH": "false",
        "WHY": "",
        "member": "etcd01",
        "ca": CA,
        "id": CLUSTER,
        "node": "",
        "pid": "100",
        "here": f"{ANOTHER_CA},{CA}",
        "owner": "",
    } | changes
    manifest = folder / "manifests/etcd.yaml"
    if changes.get("manifest", "there") == "there":
        manifest.parent.mkdir(exist_ok=True)
        manifest.write_text(MANIFEST)
    lines = [f"{name}={shlex.quote(value)}" for name, value in given.items() if name.isupper()]
    lines.append(given.get("stub", ""))
    words = [given[name] for name in ("member", "ca", "id", "node", "pid", "here", "owner")]
    done = run(
        "\n".join([*lines, shlex.join(["adoption_fault", *words])]),
        places={"/etc/kubernetes/manifests": str(manifest.parent)},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


@pytest.mark.parametrize(
    "owner", ["", "etcd etcd01 beef a/b/c"], ids=["nobody's", "a lost stack's"]
)
def test_member_is_taken_over_when_nothing_speaks_against_it(tmp_path: Path, owner: str) -> None:
    """Whose it was does not matter: the cluster's id was given."""
    assert fault(tmp_path, owner=owner) == ""


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"node": "admin.conf is there"}, "a node of a Kubernetes cluster (admin.conf is there)"),
        ({"pid": ""}, "no etcd runs here with its data in /var/lib/etcd"),
        ({"manifest": "missing"}, "is not a static pod: "),
        ({"here": ANOTHER_CA}, f"the CA on this host ({ANOTHER_CA}) is not the one"),
        ({"here": "-"}, "the CA on this host (-) is not the one"),
        ({"WHY": "no answer"}, "could not be asked who its members are: no answer"),
        ({"OWN_ROW_ID": ""}, "its own etcd does not say who it is"),
        ({"id": "beef"}, f"a member of cluster {CLUSTER}, but adopt names beef"),
        ({"OWN_ROW_ID": "a2"}, "its etcd (id a2) is not the member etcd01"),
        ({"member": "etcd09"}, "is not the member etcd09"),
        ({"owner": "etcd etcd02 beef s"}, "has it recorded as member etcd02"),
        ({"SERVING": "a1\na3"}, "not healthy: etcd02 (https://10.0.0.2:2379, id a2)"),
        (
            {"stub": "not_serving() { return 127; }"},
            "not healthy: which of them could not be found",
        ),
        ({"AUTH": "true"}, "authentication has to be off"),
        ({"AUTH": "unknown (x)"}, "not known to be off (unknown (x))"),
    ],
)
def test_member_is_refused(tmp_path: Path, changes: Mapping[str, str], text: str) -> None:
    """What the plan has seen may have changed since."""
    assert text in fault(tmp_path, **changes)


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ("etcdserver: permission denied", "true"),
        ("etcdserver: user name is empty", "true"),
        ("etcdserver: user name not found", "true"),
        ("context deadline exceeded", "unknown (context deadline exceeded)"),
        ("", "unknown (etcdctl said nothing)"),
    ],
)
def test_authentication_is_known_to_be_on_by_what_it_refuses(said: str, known: str) -> None:
    """`auth status` itself is refused then to who is no user of etcd's."""
    assert run(shlex.join(["why_unknown", said])).stdout.strip() == known


@pytest.mark.parametrize(
    ("flags", "started"),
    [
        (
            "--initial-cluster=a=https://a:2380\n--initial-cluster-state=existing\n--name=a",
            "existing a=https://a:2380",
        ),
        (
            "--initial-cluster-token=x\n--name=a",
            "new etcd01=https://10.0.0.1:2380,etcd02=https://10.0.0.2:2380",
        ),
    ],
)
def test_first_start_is_remembered_as_the_running_etcd_has_it(flags: str, started: str) -> None:
    """Or as it is by default; the manifest will say the same."""
    done = run(shlex.join(["started_with", flags, rows(2)]))
    assert (done.stdout.strip(), done.stderr) == (started, "")


def test_tag_of_the_image_is_read_from_the_manifest(tmp_path: Path) -> None:
    """Also behind a port."""
    (tmp_path / "etcd.yaml").write_text(MANIFEST)
    done = run("manifest_tag", places={"/etc/kubernetes/manifests": str(tmp_path)})
    assert done.stdout.strip() == "3.6.6-0"


@pytest.mark.parametrize(
    ("flags", "url"),
    [
        ("", "https://127.0.0.1:2379"),
        (
            "--listen-client-urls=https://127.0.0.1:2379,https://10.0.0.1:2379",
            "https://127.0.0.1:2379",
        ),
        (
            "--advertise-client-urls=https://10.0.0.1:2379,https://a:2379\n"
            "--listen-client-urls=https://10.0.0.1:2379",
            "https://10.0.0.1:2379",
        ),
    ],
    ids=["it does not run", "ours", "the page's"],
)
def test_own_etcd_is_asked_where_it_listens(flags: str, url: str) -> None:
    """So that the leadership moves also from one that was started by hand."""
    done = run(f"running_flags() {{ printf '%s\\n' {shlex.quote(flags)}; }}\nown_url")
    assert done.stdout.strip() == url


def test_every_ca_key_that_the_procedure_leaves_is_found(tmp_path: Path) -> None:
    """On the first host, and in the copies for the others."""
    for path in ("pki-0/pki/etcd/ca.key", "pki/etcd/ca.key", "10.0.0.1/pki/etcd/ca.key"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).touch()
    done = run("ca_keys", places={"/root/": f"{tmp_path}/"})
    found = [re.sub(rf"^{re.escape(str(tmp_path))}/", "", line) for line in done.stdout.split()]
    assert sorted(found) == [
        "10.0.0.1/pki/etcd/ca.key",
        "pki-0/pki/etcd/ca.key",
        "pki/etcd/ca.key",
    ]


@pytest.mark.parametrize("by_flag", [True, False], ids=["the seed's flags", "a file, as of today"])
def test_runtime_is_the_one_that_the_kubelet_runs_with(tmp_path: Path, by_flag: bool) -> None:
    """Whichever way it was told; a flag comes before the file."""
    socket = "unix:///var/run/crio/crio.sock"
    said = "unix:///run/other.sock" if by_flag else socket
    (tmp_path / "kubelet.yaml").write_text(
        f'cgroupDriver: systemd\ncontainerRuntimeEndpoint: "{said}"\n'
    )
    flags = [f"--config={tmp_path}/kubelet.yaml"]
    flags += [f"--container-runtime-endpoint={socket}"] if by_flag else []
    words = shlex.join(["kubelet", *flags])
    done = run(
        f"bash -c 'read -r' {words} < <(exec sleep 5 2>/dev/null) >/dev/null 2>&1 & kubelet=$!\n"
        'systemctl() { echo "$kubelet"; }\n'
        "sleep 0.2\n"
        "kubelet_setting container-runtime-endpoint containerRuntimeEndpoint\n"
        "kubelet_setting cgroup-driver cgroupDriver\n"
        'kill "$kubelet"\n'
    )
    assert done.stdout.split() == [socket, "systemd"]


@pytest.mark.parametrize(
    ("flag", "text", "said"),
    [
        ("trusted-ca-file", "12", "{1} {2}"),
        ("peer-trusted-ca-file", "2", "{2}"),
        ("trusted-ca-file", "", "unknown"),
        ("trusted-ca-file", None, "unknown"),
        ("other", "1", "none"),
    ],
    ids=["two", "the peers'", "an empty file", "no such file", "no file given"],
)
def test_cas_that_an_etcd_trusts_are_told(
    tmp_path: Path, flag: str, text: str | None, said: str
) -> None:
    """As its own files have them: in its container a path may be another file than on the host."""
    cas = {number: pem("CERTIFICATE", number) for number in "12"}
    if text is not None:
        (tmp_path / "ca.crt").write_text("# a comment\n" + "".join(cas[each] for each in text))
    wanted = "peer-trusted-ca-file" if flag.startswith("peer") else "trusted-ca-file"
    done = run(
        f"etcd_pid() {{ echo $$; }}\nprocess_arguments() {{ echo --{flag}={tmp_path}/ca.crt; }}\n"
        f"cas_behind {wanted}"
    )
    prints = {number: fingerprint(each) for number, each in cas.items()}
    expected = said.replace("{1}", prints["1"]).replace("{2}", prints["2"])
    assert (done.stdout.strip(), done.stderr) == (expected, "")


QUIET = """
lock() { :; }; log() { :; }; ensure_kubelet() { :; }; stop_member() { :; }; no_pod() { :; }
forget_backup() { :; }; set_aside() { :; }; drop_staged() { :; }; remove_file() { :; }
look_at_adoption() { :; }; adoption_fault() { :; }; keep_what_was_before() { :; }
remember_endpoints() { :; }; manifest_tag() { :; }; running_flags() { :; }
"""
STATE = "readonly STATE=/var/lib/etcd-host RUN=/run/etcd-host"


@pytest.mark.parametrize(
    ("verb", "issuer", "kept"),
    [("adopt", CA, CA), ("adopt", "f" * 64, ""), ("adopt", "", ""), ("abandon", CA, "")],
    ids=["its own", "one from before", "none", "given up"],
)
def test_who_issued_is_believed_of_the_member_that_is_here_alone(
    tmp_path: Path, verb: str, issuer: str, kept: str
) -> None:
    """What a host remembers of a former member's certificates is not this one's."""
    (tmp_path / "issuer").write_text(issuer)
    words = f"etcd etcd01 cafe a/b/c {CLUSTER} {CA}" if verb == "adopt" else ""
    script = (
        f"{QUIET}\nCLUSTER={CLUSTER} OWN_ROW_ID=a1; own_ca() {{ echo {ANOTHER_CA},{CA}; }}\n"
        f"verb_{verb} {words}; recall issuer"
    )
    places = {
        STATE: f"readonly STATE={tmp_path} RUN={tmp_path}/run",
        "readonly OWN=/etc/kubernetes/etcd-host ": f"readonly OWN={tmp_path}/own ",
        "readonly DATA=/var/lib/etcd\n": f"readonly DATA={tmp_path}/data\n",
    }
    done = run(script, places=places)
    assert (done.stdout, done.stderr, done.returncode) == (kept, "", 0)
