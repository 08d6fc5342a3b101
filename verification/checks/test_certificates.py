"""The bundle of RDS's roots, and the scripts that check and refresh it."""

import datetime
import hashlib
import pathlib
import re
import shutil
import ssl
import subprocess
import tempfile
import unittest

import boto3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from deployed import refused
from samtranslator.yaml_helper import yaml_parse

PROJECT = pathlib.Path(__file__).parents[2]
FOLDER = PROJECT / "shared/certs"
TEMPLATES = (PROJECT / "template.yaml", PROJECT / "docs/examples/second-pool/template.yaml")
RULE = "TheRootsOfTheRegionAreBundled"
BUNDLE = FOLDER / "rds-global-bundle.pem"


def certificate(name: str, ends: datetime.datetime) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(datetime.datetime(2000, 1, 1)).not_valid_after(ends)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def regions() -> set[str]:
    """The regions whose roots are in the bundle."""
    roots = x509.load_pem_x509_certificates(BUNDLE.read_bytes())
    names = {root.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value for root in roots}
    found = (re.search(r"RDS ([a-z]\S+) Root CA", name) for name in names)
    return {name.group(1) for name in found if name}


class Bundle(unittest.TestCase):
    def test_every_certificate_is_a_root_of_rds_and_there_once(self):
        roots = x509.load_pem_x509_certificates(BUNDLE.read_bytes())
        self.assertEqual(len(roots), BUNDLE.read_text().count("BEGIN CERTIFICATE"))
        for root in roots:
            self.assertEqual(root.issuer, root.subject)
            root.verify_directly_issued_by(root)
            self.assertTrue(root.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
            name = root.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
            self.assertRegex(name, r"^Amazon RDS .*Root CA (RSA2048|RSA4096|ECC384) G1$")
        self.assertEqual(len({root.fingerprint(hashes.SHA256()) for root in roots}), len(roots))
        self.assertEqual(len(ssl.create_default_context(cafile=BUNDLE).get_ca_certs()), len(roots))

    def test_its_readme_has_its_numbers(self):
        roots = x509.load_pem_x509_certificates(BUNDLE.read_bytes())
        years = sorted(root.not_valid_after_utc.year for root in roots)
        readme = re.sub(r"\s+", " ", (FOLDER / "README.md").read_text())
        self.assertIn(f"The {len(roots)} left", readme)
        self.assertIn(f"expire from {years[0]} to {years[-1]}", readme)
        self.assertIn(f"**Regions.** {len(regions())}, and", readme)
        self.assertIn(hashlib.sha256(BUNDLE.read_bytes()).hexdigest(), readme)

    def test_the_templates_let_through_the_regions_that_are_in_it_and_no_others(self):
        for template in TEMPLATES:
            with self.subTest(template.parent.name):
                (assertion,) = yaml_parse(template.read_text())["Rules"][RULE]["Assertions"]
                let_through, _ = assertion["Assert"]["Fn::Contains"]
                self.assertEqual(set(let_through), regions())
                self.assertEqual(len(let_through), len(regions()))

    def test_the_regions_of_rds_that_are_refused_are_named(self):
        aws = set(boto3.Session().get_available_regions("rds", partition_name="aws"))
        missing = aws - regions()
        self.assertGreater(len(missing), 0)
        readme = (FOLDER / "README.md").read_text()
        for region in missing:
            self.assertIn(f"`{region}`", readme)
            for template in TEMPLATES:
                (error,) = refused(template, region)
                self.assertIn(region, error)


class Refresh(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        for script in ("check.sh", "refresh.sh"):
            shutil.copy(FOLDER / script, self.folder)
        self.bundle = self.folder / BUNDLE.name
        self.bundle.write_text(self.old)

    old = certificate("Old", datetime.datetime(9000, 1, 1))
    new = certificate("New", datetime.datetime(9001, 1, 1))
    expired = certificate("Expired", datetime.datetime(2001, 1, 1))

    def refresh(self, published: str) -> subprocess.CompletedProcess:
        source = self.folder / "published.pem"
        source.write_text(published)
        command = [self.folder / "refresh.sh", source.as_uri()]
        return subprocess.run(command, capture_output=True, text=True)

    def check(self, *arguments: str) -> subprocess.CompletedProcess:
        command = [self.folder / "check.sh", self.bundle, *arguments]
        return subprocess.run(command, capture_output=True, text=True)

    def test_what_is_published_replaces_the_bundle_without_what_has_expired(self):
        done = self.refresh(f"A comment.\n{self.expired}{self.new}")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.bundle.read_text(), self.new)
        self.assertIn("< 9000-01-01  Old", done.stdout)
        self.assertIn("> 9001-01-01  New", done.stdout)
        self.assertIn("1 certificates (1 expired", done.stdout)

    def test_what_is_no_bundle_changes_nothing(self):
        broken = self.new.replace("\nMII", "\nXXX", 1)
        for published in ("", "<html>Not found</html>", self.expired, self.new + broken):
            self.assertNotEqual(self.refresh(published).returncode, 0, published)
            self.assertEqual(self.bundle.read_text(), self.old)

    def test_an_expiry_that_is_near_is_told(self):
        self.assertEqual(self.check().returncode, 0)
        self.assertIn("the first expires on 9000-01-01", self.check().stdout)
        self.assertEqual(self.check(str(366 * 7000)).returncode, 1)
        self.bundle.write_text(self.old + self.expired)
        self.assertEqual(self.check().returncode, 1)


if __name__ == "__main__":
    unittest.main()
