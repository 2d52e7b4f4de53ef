"""What packaging/sbom makes of a build, without one. Run by `make deb`."""

import importlib.machinery
import importlib.util
import json
import pathlib
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "packaging" / "sbom"
loader = importlib.machinery.SourceFileLoader("sbom", str(SCRIPT))
sbom = importlib.util.module_from_spec(importlib.util.spec_from_loader("sbom", loader))
loader.exec_module(sbom)


def dependency(name, version="1.2.3", location="https://example.org/a/{}.git"):
    pin = {"revision": "0123abc"} | ({"version": version} if version else {})
    reference = {"identity": name, "location": location.format(name)}
    return {"packageRef": reference, "state": {"checkoutState": pin}, "subpath": name}


class LinkedTests(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.scratch = pathlib.Path(directory.name)

    def build(self, modules, *objects, dependencies=None):
        """A scratch path with the modules of each package, and a program of these objects."""
        for name, sources in modules.items():
            for module in sources:
                (self.scratch / "checkouts" / name / "Sources" / module).mkdir(parents=True)
        state = {"object": {"dependencies": dependencies or [dependency(name) for name in modules]}}
        (self.scratch / "workspace-state.json").write_text(json.dumps(state))
        link_file = self.scratch / "Objects.LinkFileList"
        link_file.write_text("".join(f"{self.scratch}/release/{name}.o\n" for name in objects))
        return sbom.linked_packages(self.scratch, [link_file])

    def test_a_package_is_named_only_when_the_linker_was_given_a_module_of_it(self):
        parts = self.build({"logs": ["Logging"], "bench-only": ["Histogram"]}, "Logging.build/Logger.swift")
        self.assertEqual([part["name"] for part in parts], ["logs"])

    def test_objects_below_a_modules_directory_count(self):
        parts = self.build({"nio": ["CNIOLinux"]}, "CNIOLinux.build/src/shim.c")
        self.assertEqual([part["name"] for part in parts], ["nio"])

    def test_modules_of_our_own_are_no_package_also_those_with_a_dash(self):
        self.assertEqual(self.build({}, "Zinx.build/Server.swift", "zinx_client.build/Main.swift"), [])

    def test_a_module_of_no_known_package_is_an_error(self):
        with self.assertRaisesRegex(SystemExit, "Strange"):
            self.build({"logs": ["Logging"]}, "Logging.build/Logger.swift", "Strange.build/A.swift")

    def test_a_package_has_its_version_and_where_its_revision_is(self):
        part = self.build({"logs": ["Logging"]}, "Logging.build/Logger.swift")[0]
        self.assertEqual((part["version"], part["origin"]), ("1.2.3", "git+https://example.org/a/logs@0123abc"))

    def test_without_a_version_the_revision_is_it_and_a_local_path_is_not_told(self):
        part = self.build(
            {"logs": ["Logging"]}, "Logging.build/L.swift", dependencies=[dependency("logs", version=None, location="/home/me/{}")])[0]
        self.assertEqual((part["version"], part["origin"]), ("0123abc", None))


class TextTests(unittest.TestCase):
    def test_a_licence_is_told_by_its_text(self):
        apache = "Apache License\nVersion 2.0, January 2004"
        self.assertEqual(sbom.licence_of(apache), "Apache-2.0")
        self.assertEqual(
            sbom.licence_of(apache + "\n## Runtime Library Exception to the Apache 2.0 License: ##"), "Apache-2.0 WITH Swift-exception")
        self.assertIsNone(sbom.licence_of("All rights reserved"))

    def test_shared_libraries_are_those_that_are_needed(self):
        section = " 0x01 (NEEDED)  Shared library: [libc.so.6]\n 0x1d (RUNPATH)  Library runpath: [$ORIGIN]\n"
        self.assertEqual(sbom.needed(section), {"libc.so.6"})

    def test_the_owner_of_a_library_has_the_file_itself_and_is_of_this_architecture(self):
        listing = """\
libc6:amd64: /lib/x86_64-linux-gnu/libc.so.6
libc6:i386: /lib/i386-linux-gnu/libc.so.6
libc6-amd64-cross: /usr/x86_64-linux-gnu/lib/libc.so.6
libc6-dbg:amd64: /usr/share/gdb/libc.so.6-gdb.py
"""
        self.assertEqual(sbom.owners_of("libc.so.6", listing, "amd64"), {"libc6"})


class DocumentTests(unittest.TestCase):
    PART = {"name": "logs", "version": "1.2.3", "origin": None, "licence": "Apache-2.0"}
    LIBRARY = {"name": "libstdc++6", "version": "12", "comment": "libstdc++.so.6"}

    def document(self, version="1.0", created=0):
        return sbom.document(version, ["zinxd"], [self.PART], [self.LIBRARY], created)

    def test_every_relation_is_between_elements_that_are_there_once(self):
        document = self.document()
        ids = [package["SPDXID"] for package in document["packages"]]
        self.assertEqual(len(ids), len(set(ids)))
        for one in ids:
            self.assertRegex(one, r"^SPDXRef-[A-Za-z0-9.-]+$")
        relations = [tuple(relation.values()) for relation in document["relationships"]]
        self.assertEqual(
            relations,
            [("SPDXRef-DOCUMENT", "DESCRIBES", ids[0]), (ids[0], "STATIC_LINK", ids[1]), (ids[0], "DYNAMIC_LINK", ids[2])])

    def test_the_same_build_gives_the_same_document_and_another_one_another_name(self):
        self.assertEqual(self.document(), self.document())
        self.assertNotEqual(self.document()["documentNamespace"], self.document(version="1.1")["documentNamespace"])

    def test_the_date_is_the_one_given(self):
        self.assertEqual(self.document(created=1_000_000_000)["creationInfo"]["created"], "2001-09-09T01:46:40Z")


if __name__ == "__main__":
    unittest.main()
