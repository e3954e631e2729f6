"""What today's apt, dnf and rpm said when something was wrong: real words, other names.

They come from the programs themselves, in roots of their own, with repositories on loopback that
are signed like the official ones, locks held by another process and disks made too small: apt 3.0.4
with sqv 1.3.0, dnf 4.23.0 with rpm 4.20.1 (Debian 13), apt 3.3.3 with sqv 1.5.0, dnf5 5.4.6 with
rpm 6.1.0 (Debian 14). Those marked as quoted are from their users' reports.
"""

from .complaints import URL

_SQV = "Sub-process /usr/bin/sqv returned an error code (1), error message is: "
_MISSING = (
    "Missing key E3F0EF5A45A4595862D1B8BF574684660F6EC78B, which is needed to verify signature."
)
_NO_SPACE = f"{URL}/rpm/x86_64/kubectl-1.35.4-150500.1.1.x86_64.rpm"


def _apt_rejects(said: str, reason: str) -> str:
    return (
        f"Get:1 {URL}/deb  InRelease [1086 B]\n"
        f"Err:1 {URL}/deb  InRelease\n  {_SQV}{reason}\n"
        "Reading package lists...\n"
        f"W: {said}: {URL}/deb  InRelease: {_SQV}{reason}\n"
        f"E: The repository '{URL}/deb  InRelease' is not signed.\n"
    )


APT_3_0_ANOTHER_KEY = _apt_rejects("OpenPGP signature verification failed", _MISSING)
APT_3_3_ANOTHER_KEY = _apt_rejects("Signature verification failed", _MISSING)
APT_3_3_CHANGED = _apt_rejects(
    "Signature verification failed",
    "Verifying signature:            Message has been manipulated",
)
_KEYRING = "/etc/apt/keyrings/etcd-host-kubernetes.asc"
APT_3_0_NO_KEYRING = _apt_rejects(
    "OpenPGP signature verification failed",
    f'Error: Failed to parse keyring "{_KEYRING}"  Caused by:     0: Reading "{_KEYRING}": EOF     '
    "1: EOF  Stack backtrace:    0: <unknown>    1: <unknown>    9: __libc_start_main",
)
_SHA1 = (
    "Signing key on B4C51E4A11152C754FF14107FFC01592D4C98297 is not bound:            No binding "
    "signature at time 2026-11-29T02:30:07Z   because: Policy rejected non-revocation signature "
    "(PositiveCertification) requiring second pre-image resistance   because: SHA1 is not "
    "considered secure since 2026-02-01T00:00:00Z"
)
APT_3_0_SHA1 = _apt_rejects("OpenPGP signature verification failed", _SHA1)
APT_3_3_SHA1 = _apt_rejects("Signature verification failed", _SHA1)
# Quoted, with apt 2.9.19's words: github.com/kubernetes/release/issues/3869.
APT_2_9_SIGNATURE_V3 = _apt_rejects(
    "GPG error",
    "Error: Policy rejected packet type  Caused by:     Signature Packet v3 is not considered "
    "secure since 2021-02-01T00:00:00Z",
)
APT_3_3_NO_ARCHIVE = f"""\
Reading package lists...
Building dependency tree...
Solving dependencies...
The following NEW packages will be installed:
  kubectl
Err:1 {URL}/deb  kubectl 1.35.4-1.1
  404  File not found [IP: 192.0.2.7 443]
E: Failed to fetch {URL}/deb/amd64/kubectl_1.35.4-1.1_amd64.deb  404  File not found \
[IP: 192.0.2.7 443]
E: Unable to fetch some archives, maybe run apt update or try with --fix-missing?
"""
APT_3_3_UNMET = """\
Reading package lists...
Building dependency tree...
Solving dependencies...
Some packages could not be installed. This may mean that you have
requested an impossible situation or if you are using the unstable
distribution that some required packages have not yet been created
or been moved out of Incoming.
The following information may help to resolve the situation:

The following packages have unmet dependencies:
 kubelet : Depends: iptables (>= 1.4.21) but it is not installable
E: Unable to satisfy dependencies. Reached two conflicting assignments:
   1. kubelet:amd64=1.35.4-1.1 is selected for install
   2. kubelet:amd64 Depends iptables (>= 1.4.21)
      but none of the choices are installable:
      [no choices]
"""
APT_3_0_DPKG_LOCKED = """\
Waiting for cache lock: Could not get lock /var/lib/dpkg/lock. It is held by process 24958 (perl)...
E: Unable to lock the administration directory (/var/lib/dpkg/), is another process using it?
"""

DNF4_RPM_LOCKED = """\
Running transaction test
Transaction test succeeded.
Running transaction
RPM: error: can't create transaction lock on /var/lib/rpm/.rpm.lock (Resource temporarily \
unavailable)
The downloaded packages were saved in cache until the next successful transaction.
You can remove cached packages by executing 'dnf clean packages'.
Error: Could not run transaction.
"""
DNF4_VERSION_LOCKED = """\
kubernetes (etcd-host)                           15 kB/s | 659  B     00:00
All matches were filtered out by exclude filtering for argument: kubectl-1.35.4-*
Error: Unable to find a match: kubectl-1.35.4-*
"""

_LOADING = """\
Updating and loading repositories:
 kubernetes (etcd-host)                 100% | 327.1 KiB/s |   1.3 KiB |  00m00s
"""
_NOT_LOADED = (
    f'Failed to download metadata (baseurl: "{URL}/rpm/") for repository "etcd-host-kubernetes": '
)
_TRANSACTION = f"""\
{_LOADING}Repositories loaded.
Package  Arch   Version             Repository                Size
Installing:
 kubectl x86_64 0:1.35.4-150500.1.1 etcd-host-kubernetes  56.4 MiB

Transaction Summary:
 Installing:         1 package

Total size of inbound packages is 17 MiB. Need to download 17 MiB.
After this operation, 56 MiB extra will be used (install 56 MiB, remove 0 B).
"""


def _twice(line: str) -> str:
    return f">>> {line} - {URL}/rpm/repodata/repomd.xml\n" * 2


DNF5_ANOTHER_KEY = f"""\
{_LOADING}>>> repomd.xml GPG signature verification error: Signing key not found
{_NOT_LOADED}repomd.xml GPG signature verification error: Signing key not found
"""
_UNSIGNED = (
    "GPG verification is enabled, but GPG signature is not available. This may be an error or the "
    f"repository does not support GPG verification: Status code: 404 for {URL}/rpm/repodata/"
    "repomd.xml.asc (IP: 192.0.2.7)"
)
DNF5_NOT_SIGNED = (
    _LOADING
    + _twice(f"Status code: 404 for {URL}/rpm/repodata/repomd.xml.asc (IP: 192.0.2.7)")
    + f">>> {_UNSIGNED}\n{_NOT_LOADED}{_UNSIGNED}\n"
)
DNF5_REFUSED = (
    _LOADING
    + _twice(
        f"Curl error (7): Could not connect to server for {URL}/rpm/repodata/repomd.xml [Failed to "
        "connect to mirror.example.com:443 after 0 ms: Could not connect to server]"
    )
    + f">>> Usable URL not found\n{_NOT_LOADED}Usable URL not found\n"
)
DNF5_NO_REPOSITORY = (
    _LOADING
    + _twice(f"Status code: 404 for {URL}/rpm/repodata/repomd.xml (IP: 192.0.2.7)")
    + f">>> Usable URL not found\n{_NOT_LOADED}Usable URL not found\n"
)
DNF5_NO_KEY = f"""\
{_LOADING}>>> Status code: 404 for {URL}/rpm/repodata/repomd.xml.key (IP: 192.0.2.7)
Failed to download key from {URL}/rpm/repodata/repomd.xml.key for repository \
"etcd-host-kubernetes": cannot open file: (2) - No such file or directory [/tmp/repokey.3lcOTO]
"""
_CHECK = (
    'OpenPGP check for package "kubectl-1.35.4-150500.1.1.x86_64" (/var/cache/libdnf5/etcd-host-'
    "kubernetes-264587e491ec33cd/packages/kubectl-1.35.4-150500.1.1.x86_64.rpm) from repo "
    '"etcd-host-kubernetes" has failed: '
)
_VERIFIED = (
    f"{_TRANSACTION}Running transaction\nTransaction failed: Signature verification failed.\n"
)
DNF5_PACKAGE_BY_ANOTHER_KEY = f"{_VERIFIED}{_CHECK}Import of the key didn't help, wrong key?\n"
DNF5_PACKAGE_NOT_SIGNED = f"{_VERIFIED}{_CHECK}The package is not signed.\n"
DNF5_NO_ARCHIVE = f"""\
{_TRANSACTION}>>> Status code: 404 for {_NO_SPACE} (IP: 192.0.2.7) - {_NO_SPACE}
>>> No more mirrors to try - All mirrors were already tried without success
Failed to download packages
 Librepo error: Cannot download x86_64/kubectl-1.35.4-150500.1.1.x86_64.rpm: All mirrors were tried
"""
DNF5_NO_VERSION = f"""\
{_LOADING}Repositories loaded.
Failed to resolve the transaction:
No match for argument: kubelet-1.35.9-*
No match for argument: kubeadm-1.35.9-*
You can try to add to command line:
  --skip-unavailable to skip unavailable packages
"""
DNF5_EXCLUDED = f"""\
{_LOADING}Repositories loaded.
Failed to resolve the transaction:
Argument 'cri-tools' matches only excluded packages.
"""
DNF5_UNMET = f"""\
{_LOADING}Repositories loaded.
Failed to resolve the transaction:
Problem: conflicting requests
  - nothing provides iptables >= 1.4.21 needed by kubelet-1.35.4-150500.1.1.x86_64 from \
etcd-host-kubernetes
You can try to add to command line:
  --skip-broken to skip uninstallable packages
"""
DNF5_NO_ROOM_FOR_DOWNLOADS = f"""\
{_TRANSACTION}[1/1] kubectl-0:1.35.4-150500.1.1.x86_6   5% | 972.2 MiB/s | 995.5 KiB |  00m00s
>>> Curl error (23): Failed writing received data to disk/application for {_NO_SPACE} [Failure \
writing output to destination, passed 16384 returned 512] - {_NO_SPACE}
Failed to download packages
 Librepo error: Curl error (23): Failed writing received data to disk/application for {_NO_SPACE}
"""
DNF5_NO_ROOM = f"""\
{_TRANSACTION}Running transaction
Transaction failed: Rpm transaction failed.
  - installing package kubectl-1.35.4-150500.1.1.x86_64 needs 79MB more space on the /usr filesystem
"""
# Of rpm's own lock; of that of another dnf 5, quoted: issue 2435 of
# github.com/rpm-software-management/dnf5.
DNF5_RPM_LOCKED = (
    f"{_TRANSACTION}Running transaction\nTransaction failed: Rpm transaction failed.\n"
)
DNF5_LOCKED = f"""\
{_TRANSACTION}Running transaction
Transaction failed: Failed to obtain rpm transaction lock. Another transaction is in progress.
"""
# While it waits.
DNF5_WAITS = """\
Waiting for a lock on the system repository. The following processes are currently accessing it:
19765\tdnf install --setopt=disable_excludes=* kubectl\x20
Use the "--skip-file-locks" option to bypass the lock.
"""
