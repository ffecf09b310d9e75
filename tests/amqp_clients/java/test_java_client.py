"""The Java client, from Maven Central. Skipped where there is no JDK or no Maven."""

from pathlib import Path

import pytest

from tests.amqp_clients.languages import STEPS, build, need, steps, url
from tools.server_process import ServerProcess

HERE = Path(__file__).parent
ARTIFACT = "com.rabbitmq:amqp-client:5.25.0"
JARS = ("com/rabbitmq/amqp-client/5.25.0/amqp-client-5.25.0.jar", "org/slf4j/slf4j-api/1.7.36/slf4j-api-1.7.36.jar")


@pytest.fixture(scope="module")
def class_path(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The client, which stays in pytest's cache, and the program, compiled."""
    need("mvn", "javac", "java")
    assert pytestconfig.cache is not None
    repository, classes = pytestconfig.cache.mkdir("maven"), tmp_path_factory.mktemp("java")
    jars = [repository / jar for jar in JARS]
    if not all(jar.exists() for jar in jars):
        build(
            ["mvn", "-B", "-q", f"-Dmaven.repo.local={repository}", "dependency:get", f"-Dartifact={ARTIFACT}"], classes
        )
    found = ":".join(str(jar) for jar in jars)
    build(["javac", "-encoding", "UTF-8", "-cp", found, "-d", classes, HERE / "Program.java"], classes)
    return f"{found}:{classes}"


def test_java(server: ServerProcess, class_path: str, tmp_path: Path) -> None:
    assert steps(["java", "-cp", class_path, "Program", url(server)], tmp_path) == STEPS
