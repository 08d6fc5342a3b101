"""The functions are built for the deployed architecture on every machine."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

from aws_lambda_builders.workflows.rust_cargo.actions import RustCargoLambdaBuildAction
from deployed import deployed

PROJECT = pathlib.Path(__file__).parents[2]
TEMPLATES = (PROJECT / "template.yaml", PROJECT / "docs/examples/second-pool/template.yaml")
TOOLS = pathlib.Path(sys.executable).parent
CARGO = shutil.which("cargo")
RUSTC = shutil.which("rustc")

# A rustc that reports another machine.
RUSTC_ELSEWHERE = """\
#!/bin/sh
exec {rustc} "$@" | sed "s/^host: .*/host: {host}/"
"""
# A cargo that records the target and builds nothing.
RECORDING_CARGO = """\
#!/bin/sh
case " $* " in
*" --target "*) echo "$*" >>{record}; exit 1 ;;
esac
exec {cargo} "$@"
"""


class Processor(unittest.TestCase):
    hosts = ("x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu")

    def setUp(self) -> None:
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.folder / "src").mkdir()
        (self.folder / "src/main.rs").write_text("fn main() {}\n")
        manifest = '[package]\nname = "query"\nversion = "0.0.0"\nedition = "2024"\n'
        (self.folder / "Cargo.toml").write_text(manifest)

    def target(self, host: str, architecture: str) -> str:
        """The target of cargo when the SAM CLI builds a function on this kind of machine."""
        tools = self.folder / "tools"
        tools.mkdir(exist_ok=True)
        record = self.folder / "record"
        record.unlink(missing_ok=True)
        for name, text in (
            ("rustc", RUSTC_ELSEWHERE.format(rustc=RUSTC, host=host)),
            ("cargo", RECORDING_CARGO.format(cargo=CARGO, record=record)),
        ):
            (tools / name).write_text(text)
            (tools / name).chmod(0o755)
        binary = type("Binary", (), {"binary_path": str(tools / "cargo")})()
        action = RustCargoLambdaBuildAction(
            str(self.folder), {"cargo": binary}, None, None, "provided.al2023", architecture, "query"
        )
        _, *arguments = action.build_command()
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CARGO")},
            **{name: os.environ[name] for name in ("CARGO_HOME",) if name in os.environ},
            "PATH": f"{tools}:{TOOLS}:{os.environ['PATH']}",
            "RUSTC": str(tools / "rustc"),
            "CARGO": str(tools / "cargo"),
        }
        done = subprocess.run(
            [TOOLS / "cargo-lambda", *arguments],
            cwd=self.folder, env=environment, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        self.assertTrue(record.exists(), done.stdout + done.stderr)
        asked = record.read_text().split()
        return asked[asked.index("--target") + 1]

    def test_it_is_the_parameters_on_every_machine(self):
        shutil.copy(PROJECT / "CargoLambda.toml", self.folder)
        for host in self.hosts:
            for architecture, target in (("x86_64", "x86_64"), ("arm64", "aarch64")):
                with self.subTest(host=host, architecture=architecture):
                    self.assertEqual(self.target(host, architecture), f"{target}-unknown-linux-gnu")

    def test_without_the_configuration_it_would_be_the_machines(self):
        self.assertEqual(self.target(self.hosts[1], "x86_64"), self.hosts[1])

    def test_every_function_is_built_by_cargo_lambda(self):
        for template in TEMPLATES:
            for name, resource in deployed(template).items():
                if resource["Type"] == "AWS::Lambda::Function":
                    self.assertEqual(resource["Metadata"]["BuildMethod"], "rust-cargolambda", name)


if __name__ == "__main__":
    unittest.main()
