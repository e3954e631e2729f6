"""The seed's cluster: its versions, CRI-O, kubeadm's older API, the page's flags; bare hosts."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack
from lab.versions import SEED
from tests.support import by_hand
from tests.support.adoption import adopted_untouched, another_ca_takes_over, is_clean, rolled
from tests.support.etcd import Client
from tests.support.hosts import NAMES

pytestmark = [pytest.mark.matrix, pytest.mark.long]


@pytest.mark.parametrize("key", [True, False], ids=["with its CA's key", "without"])
def test_the_seeds_cluster_is_adopted(lab: Lab, tmp_path: Path, key: bool) -> None:
    """The packages that are there are the wanted ones; they are held and managed from then on."""
    lab.fresh(NAMES, image="el")
    (tmp_path / "first").mkdir()
    first = Stack(tmp_path / "first", lab, NAMES, "el")
    first.up()  # for the packages and images, which stay
    first.destroy()
    repository = first.config["imageRepository"]
    by_hand.made_by_hand(
        lab,
        tmp_path,
        page=True,
        kubernetes=SEED.kubernetes,
        etcd_tag=SEED.etcd_tag,
        changes={
            **by_hand.SEED,
            "cgroupDriver: cgroupfs": "cgroupDriver: systemd",
            r"(?m)^    imageTag: ": f"    imageRepository: {repository}\n    imageTag: ",
        },
    )
    (tmp_path / "stack").mkdir()
    stack = Stack(tmp_path / "stack", lab, NAMES, "el")
    client = by_hand.first_client(lab, tmp_path / "client")
    client.run("put", "before", "adoption")
    by_hand.adopting(stack, tmp_path / "given", key=key)
    adopted_untouched(stack, client)
    rolled(stack, client)
    is_clean(stack, client)
    if not key:
        client = another_ca_takes_over(stack, client, tmp_path / "own")
    lab.wipe("etcd03")
    stack.up()
    is_clean(stack, client)
    assert client.run("get", "before", "--print-value-only").stdout.strip() == "adoption"
    assert Client(tmp_path / "new", stack.outputs()).healthy() == len(NAMES)
    lab.down()
