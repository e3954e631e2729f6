"""What apt 2.6 and dnf 4.14 said when something was wrong: real words, other names.

They come from the programs themselves, with a repository on loopback, with locks held by
another process and disks made too small. Those marked as quoted are from their users' reports.
"""

URL = "https://mirror.example.com/kubernetes/v1.35"

APT_OK = f"""\
Get:1 {URL}/deb  InRelease [436 B]
Get:2 {URL}/deb  Packages [1042 B]
Fetched 1348 B in 0s (10.6 kB/s)
Reading package lists...
"""
APT_LISTS_LOCKED = """\
Reading package lists...
E: Could not get lock /var/lib/apt/lists/lock. It is held by process 22547 (apt-get)
E: Unable to lock directory /var/lib/apt/lists/
"""
APT_ARCHIVES_LOCKED = """\
Reading package lists...
Building dependency tree...
E: Could not get lock /var/cache/apt/archives/lock. It is held by process 24874 (apt-get)
E: Unable to lock directory /var/cache/apt/archives/
"""
_WAITING = (
    "Waiting for cache lock: Could not get lock /var/lib/dpkg/lock-frontend. "
    "It is held by process 23470 (unattended-upgr)...\n"
)
APT_DPKG_LOCKED = (
    _WAITING * 2
    + "E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), "
    + "is another process using it?\n"
)
DPKG_LOCKED = """\
dpkg: error: dpkg frontend lock was locked by another process with pid 27568
Note: removing the lock file is always wrong, can damage the locked area
and the entire system. See <https://wiki.debian.org/Teams/Dpkg/FAQ#db-lock>.
"""
APT_NOT_SIGNED_BY_KEY = f"""\
Get:1 {URL}/deb  InRelease [436 B]
Err:1 {URL}/deb  InRelease
  The following signatures couldn't be verified because the public key is not available: \
NO_PUBKEY B968BA51B6990A09
Reading package lists...
W: GPG error: {URL}/deb  InRelease: The following signatures couldn't be verified because the \
public key is not available: NO_PUBKEY B968BA51B6990A09
E: The repository '{URL}/deb  InRelease' is not signed.
"""
APT_NOT_SIGNED = f"""\
Ign:1 {URL}/deb  InRelease
Get:2 {URL}/deb  Release [135 B]
Ign:3 {URL}/deb  Release.gpg
Reading package lists...
E: The repository '{URL}/deb  Release' is not signed.
"""
APT_NO_REPOSITORY = f"""\
Ign:1 {URL}/deb  InRelease
Err:2 {URL}/deb  Release
  404  Not Found [IP: 192.0.2.7 443]
Reading package lists...
E: The repository '{URL}/deb  Release' does not have a Release file.
"""
APT_REFUSED = f"""\
Ign:1 {URL}/deb  InRelease
Err:1 {URL}/deb  InRelease
  Could not connect to mirror.example.com:443 (192.0.2.7). - connect (111: Connection refused)
Reading package lists...
W: Failed to fetch {URL}/deb/InRelease  Could not connect to mirror.example.com:443 (192.0.2.7). \
- connect (111: Connection refused)
W: Some index files failed to download. They have been ignored, or old ones used instead.
"""
APT_UNKNOWN_NAME = f"""\
Ign:1 {URL}/deb  InRelease
Err:1 {URL}/deb  InRelease
  Could not resolve 'mirror.example.com'
Reading package lists...
W: Failed to fetch {URL}/deb/InRelease  Could not resolve 'mirror.example.com'
W: Some index files failed to download. They have been ignored, or old ones used instead.
"""
APT_NO_SPACE_FOR_LISTS = f"""\
Get:1 {URL}/deb  InRelease [436 B]
Err:1 {URL}/deb  InRelease
  Error writing to file - write (28: No space left on device) [IP: 192.0.2.7 443]
Reading package lists...
W: Failed to fetch {URL}/deb/InRelease  Error writing to file - write (28: No space left on \
device) [IP: 192.0.2.7 443]
W: Some index files failed to download. They have been ignored, or old ones used instead.
"""
APT_DISTRIBUTION_REFUSED = """\
Err:1 http://deb.example.org/debian bookworm InRelease
  Could not connect to deb.example.org:80 (192.0.2.8). - connect (111: Connection refused)
Reading package lists...
W: Failed to fetch http://deb.example.org/debian/dists/bookworm/InRelease  Could not connect to \
deb.example.org:80 (192.0.2.8). - connect (111: Connection refused)
W: Some index files failed to download. They have been ignored, or old ones used instead.
"""
# Quoted.
APT_NO_ROOM = """\
Reading package lists...
Building dependency tree...
Need to get 93.5 MB of archives.
After this operation, 337 MB of additional disk space will be used.
E: You don't have enough free space in /var/cache/apt/archives/.
"""
# Quoted.
DPKG_NO_SPACE = """\
Preparing to unpack .../kubelet_1.35.4-1.1_amd64.deb ...
Unpacking kubelet (1.35.4-1.1) ...
dpkg: error processing archive /var/cache/apt/archives/kubelet_1.35.4-1.1_amd64.deb (--unpack):
 cannot copy extracted data for './usr/bin/kubelet' to '/usr/bin/kubelet.dpkg-new': failed to \
write (No space left on device)
Errors were encountered while processing:
 /var/cache/apt/archives/kubelet_1.35.4-1.1_amd64.deb
E: Sub-process /usr/bin/dpkg returned an error code (1)
"""
APT_NO_VERSION = """\
Reading package lists...
Building dependency tree...
Package kubelet is not available, but is referred to by another package.
This may mean that the package is missing, has been obsoleted, or
is only available from another source

E: Version '1.35.9-*' for 'kubelet' was not found
"""
APT_NO_PACKAGE = """\
Reading package lists...
Building dependency tree...
E: Unable to locate package etcd-client
"""
APT_REMOVES = """\
Reading package lists...
Building dependency tree...
The following packages will be REMOVED:
  containerd.io docker-ce
The following NEW packages will be installed:
  containerd kubelet
0 upgraded, 2 newly installed, 2 to remove and 0 not upgraded.
E: Packages need to be removed but remove is disabled.
"""
APT_NO_ARCHIVE = f"""\
Reading package lists...
Building dependency tree...
The following NEW packages will be installed:
  kubelet
Need to get 1000 B of archives.
Err:1 {URL}/deb  kubelet 1.35.4-1.1
  404  Not Found [IP: 192.0.2.7 443]
E: Failed to fetch {URL}/deb/./amd64/kubelet_1.35.4-1.1_amd64.deb  404  Not Found \
[IP: 192.0.2.7 443]
E: Unable to fetch some archives, maybe run apt-get update or try with --fix-missing?
"""
# It waited, got the lock, and then failed for another reason.
APT_WAITED = _WAITING * 3 + APT_NO_VERSION
# Quoted.
DPKG_HALF_INSTALLED = """\
Reading package lists...
E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem.
"""

_DNF_KEY = """\
kubernetes (etcd-host)                          5.5 kB/s | 516  B     00:00
kubernetes (etcd-host)                          923 kB/s | 945  B     00:00
Importing GPG key 0xB9E60CA8:
 Userid     : "mirror@example.com"
 Fingerprint: 230C D062 AF74 42D8 0382 9620 D08E 1A03 B9E6 0CA8
 From       : /etc/pki/rpm-gpg/etcd-host-kubernetes.asc
kubernetes (etcd-host)                           27 kB/s | 779  B     00:00
"""
_DNF_IGNORED = """\
Ignoring repositories: etcd-host-kubernetes
No match for argument: kubelet-1.35.4-*
Error: Unable to find a match: kubelet-1.35.4-*
"""
_DNF_SAVED = """\
The downloaded packages were saved in cache until the next successful transaction.
You can remove cached packages by executing 'dnf clean packages'.
"""
DNF_LOCKED = """\
metadata already locked by 15176
  The application with PID 15176 is: dnf
    Memory : 1.4 M RSS (2.4 MB VSZ)
    Started: Mon Nov 23 23:43:28 2026 - 00:29 ago
    State  : Sleeping
"""
RPM_LOCKED = f"""\
{_DNF_KEY}Downloading Packages:
kubelet-1.35.4-150500.1.1.x86_64.rpm            1.6 MB/s | 5.4 kB     00:00
error: can't create transaction lock on /var/lib/rpm/.rpm.lock (Resource temporarily unavailable)
Key import failed (code 2). Failing package is: kubelet-1.35.4-150500.1.1.x86_64
 GPG Keys are configured as: file:///etc/pki/rpm-gpg/etcd-host-kubernetes.asc
{_DNF_SAVED}Error: GPG check FAILED
"""
DNF_NOT_SIGNED_BY_KEY = f"""\
{_DNF_KEY}Error: Failed to download metadata for repo 'etcd-host-kubernetes': repomd.xml GPG \
signature verification error: Bad GPG signature
{_DNF_IGNORED}"""
DNF_NOT_SIGNED = f"""\
{_DNF_KEY}Errors during downloading metadata for repository 'etcd-host-kubernetes':
  - Status code: 404 for {URL}/rpm/repodata/repomd.xml.asc (IP: 192.0.2.7)
Error: Failed to download metadata for repo 'etcd-host-kubernetes': GPG verification is enabled, \
but GPG signature is not available. This may be an error or the repository does not support GPG \
verification: Status code: 404 for {URL}/rpm/repodata/repomd.xml.asc (IP: 192.0.2.7)
{_DNF_IGNORED}"""
DNF_PACKAGE_BY_ANOTHER_KEY = f"""\
{_DNF_KEY}Key imported successfully
Import of key(s) didn't help, wrong key(s)?
Public key for kubelet-1.35.4-150500.1.1.x86_64.rpm is not installed. Failing package is: \
kubelet-1.35.4-150500.1.1.x86_64
 GPG Keys are configured as: file:///etc/pki/rpm-gpg/etcd-host-kubernetes.asc
{_DNF_SAVED}Error: GPG check FAILED
"""
DNF_PACKAGE_NOT_SIGNED = f"""\
{_DNF_KEY}Package kubelet-1.35.4-150500.1.1.x86_64.rpm is not signed
{_DNF_SAVED}Error: GPG check FAILED
"""
DNF_REFUSED = f"""\
{_DNF_KEY}kubernetes (etcd-host)                          0.0  B/s |   0  B     00:00
Errors during downloading metadata for repository 'etcd-host-kubernetes':
  - Curl error (7): Couldn't connect to server for {URL}/rpm/repodata/repomd.xml [Failed to \
connect to mirror.example.com port 443 after 0 ms: Couldn't connect to server]
Error: Failed to download metadata for repo 'etcd-host-kubernetes': Cannot download repomd.xml: \
Cannot download repodata/repomd.xml: All mirrors were tried
{_DNF_IGNORED}"""
DNF_NO_REPOSITORY = f"""\
Errors during downloading metadata for repository 'etcd-host-kubernetes':
  - Status code: 404 for {URL}/rpm/repodata/repomd.xml (IP: 192.0.2.7)
Error: Failed to download metadata for repo 'etcd-host-kubernetes': Cannot download repomd.xml: \
Cannot download repodata/repomd.xml: All mirrors were tried
{_DNF_IGNORED}"""
DNF_NO_VERSION = f"""\
{_DNF_KEY}Last metadata expiration check: 0:00:01 ago on Mon Nov 23 23:42:44 2026.
No match for argument: kubelet-1.35.9-*
No match for argument: kubeadm-1.35.9-*
Error: Unable to find a match: kubelet-1.35.9-* kubeadm-1.35.9-*
"""
DNF_NO_CONTAINERD = f"""\
{_DNF_KEY}Last metadata expiration check: 0:00:01 ago on Mon Nov 23 23:42:44 2026.
No match for argument: containerd
Error: Unable to find a match: containerd
"""
DNF_NO_ROOM = f"""\
{_DNF_KEY}Running transaction test
{_DNF_SAVED}Error: Transaction test error:
  installing package kubelet-1.35.4-150500.1.1.x86_64 needs 4MB more space on the / filesystem

Error Summary
-------------
Disk Requirements:
   At least 4MB more space needed on the / filesystem.

"""
DNF_NO_ROOM_FOR_DOWNLOADS = f"""\
{_DNF_KEY}Downloading Packages:
[MIRROR] kubelet-1.35.4-150500.1.1.x86_64.rpm: Curl error (23): Failed writing received data to \
disk/application for {URL}/rpm/kubelet-1.35.4-150500.1.1.x86_64.rpm [Failure writing output to \
destination]
{_DNF_SAVED}Error: Error downloading packages:
  kubelet-1.35.4-150500.1.1.x86_64: Download failed: Curl error (23): Failed writing received data \
to disk/application for {URL}/rpm/kubelet-1.35.4-150500.1.1.x86_64.rpm [Failure writing output to \
destination]
"""
# Quoted.
DNF_BROKEN_SCRIPT = """\
Running transaction
  Installing       : kubelet-1.35.4-150500.1.1.x86_64                       1/1
Error unpacking rpm package kubelet-1.35.4-150500.1.1.x86_64
Failed:
  kubelet-1.35.4-150500.1.1.x86_64
Error: Transaction failed
"""
