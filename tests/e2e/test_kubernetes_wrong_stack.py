"""A person names a wrong etcd stack in the example's configuration: one error, and a way on.

Nothing gets as far as a host, so the control plane's is not there.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from lab.stack import Stack
from tests.support.hosts import configured
from tests.support.kubernetes import KubernetesStack
from tests.support.terminal import one_error, preview_without_passphrase

pytestmark = pytest.mark.matrix


@pytest.fixture(scope="module")
def kubernetes(formed: Stack, tmp_path_factory: pytest.TempPathFactory) -> KubernetesStack:
    """The example's stack beside the etcd stack; it has never been up."""
    return KubernetesStack(tmp_path_factory.mktemp("kubernetes"), formed)


def error_with(kubernetes: KubernetesStack, name: str) -> str:
    """The one error of a preview that is given this name for the etcd stack."""
    with configured(kubernetes, etcdStack=name):
        return one_error(kubernetes.pulumi("preview", check=False))


def test_a_stack_that_is_not_there_is_one_error(kubernetes: KubernetesStack) -> None:
    """It says which name was given, and where names are shown."""
    error = error_with(kubernetes, "organization/etcd-cluster/nosuch")
    assert "there is no stack 'organization/etcd-cluster/nosuch'" in error
    assert "pulumi stack ls --all" in error


def test_a_stack_without_the_outputs_is_one_error(kubernetes: KubernetesStack) -> None:
    """As the etcd stack's before its first `up`; here another project's, this stack itself."""
    error = error_with(kubernetes, "organization/kubernetes/lab")
    assert "has no output caCertificate, clientCertificate" in error
    assert "run `pulumi up` of the etcd cluster" in error


def test_a_name_without_its_project_is_one_error(kubernetes: KubernetesStack) -> None:
    """A short name means nothing to a reader."""
    error = error_with(kubernetes, "dev")
    assert "etcdStack: 'dev' is invalid: expected the full name organization/project/stack" in error


def test_a_passphrase_that_is_not_set_is_one_error(kubernetes: KubernetesStack) -> None:
    """Pulumi's own, before it runs anything."""
    result = preview_without_passphrase(kubernetes)
    assert result.status != 0
    text = result.text
    assert text.count("error:") == 1
    assert "passphrase must be set with PULUMI_CONFIG_PASSPHRASE" in text


def test_another_passphrase_than_the_etcd_stacks_is_one_error(
    kubernetes: KubernetesStack, formed: Stack, tmp_path: Path
) -> None:
    """The engine leaves out what it cannot decrypt; that must not arrive as a key."""
    stranger = KubernetesStack(tmp_path, formed)
    stranger.passphrase = "another"
    (tmp_path / "Pulumi.stranger.yaml").write_text(
        yaml.safe_dump({"config": {f"kubernetes:{k}": v for k, v in stranger.config.items()}})
    )
    result = stranger.pulumi("preview", "--stack", "stranger", check=False)
    error = one_error(result)
    assert "cannot be decrypted with this passphrase" in error
    assert "set PULUMI_CONFIG_PASSPHRASE to that stack's" in error
