"""Rotates a secret as Secrets Manager does, because MiniStack does not.

MiniStack's RotateSecret invokes no function and makes a copy of the current version current. Its
PutSecretValue leaves AWSPENDING on the versions that have it; AWS moves the label. The calls of a rotation
function work: DescribeSecret, GetSecretValue by version and label, PutSecretValue with a token,
UpdateSecretVersionStage, GetRandomPassword.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
"""

import json
import uuid
from typing import Any

from stack import SECRETS, STACK, FunctionError, invoke

SECRET = STACK["secretArn"]
STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")


def labels() -> dict[str, set[str]]:
    """The labels of each version, by its id."""
    described = SECRETS.describe_secret(SecretId=SECRET)["VersionIdsToStages"]
    return {version: set(labels) for version, labels in described.items()}


def labelled(label: str) -> str | None:
    """The id of the version with this label."""
    return next((version for version, has in labels().items() if label in has), None)


def value(label: str) -> dict[str, Any]:
    answer = SECRETS.get_secret_value(SecretId=SECRET, VersionStage=label)
    return json.loads(answer["SecretString"])


def enable() -> None:
    """Turns rotation on; the secret's value stays."""
    if not SECRETS.describe_secret(SecretId=SECRET)["RotationEnabled"]:
        SECRETS.rotate_secret(SecretId=SECRET, ClientRequestToken=str(uuid.uuid4()))


def give_up() -> None:
    """Removes AWSPENDING, which abandons a rotation."""
    pending = labelled("AWSPENDING")
    if pending is not None:
        SECRETS.update_secret_version_stage(
            SecretId=SECRET, VersionStage="AWSPENDING", RemoveFromVersionId=pending
        )


def begin() -> str:
    """The version to rotate to: that of an unfinished rotation, else a new one without a value."""
    pending = labelled("AWSPENDING")
    if pending is not None and "AWSCURRENT" not in labels()[pending]:
        return pending
    give_up()
    token = str(uuid.uuid4())
    SECRETS.put_secret_value(
        SecretId=SECRET, ClientRequestToken=token, VersionStages=["AWSPENDING"]
    )
    return token


def step(name: str, token: str) -> None:
    event = {"Step": name, "SecretId": SECRET, "ClientRequestToken": token}
    assert invoke(STACK["rotateFunction"], event) is None


def rotate(tries: int = 1) -> list[FunctionError]:
    """Runs all steps; returns the failures before they succeeded. After a failed step, the next attempt
    starts from the first step with the same version."""
    failures: list[FunctionError] = []
    while True:
        token = begin()
        try:
            for name in STEPS:
                step(name, token)
            return failures
        except FunctionError as error:
            failures.append(error)
            if len(failures) == tries:
                raise
